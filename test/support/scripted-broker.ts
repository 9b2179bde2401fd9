import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { loadTlsMaterial, type TlsMaterial } from '../../src/connection/tls-material.ts';
import { CertificateAuthority } from '../../src/simulator/certificate-authority.ts';

/** What the script may do with a packet: answer, or close. Doing nothing is silence. */
export interface Peer {
  send(packet: Packet): void;
  close(): void;
}

export type Script = (packet: Packet, peer: Peer) => void;

/** An MQTT peer behind mutual TLS that does what a test says, packet by packet, in MQTT 3.1.1 or 5. */
export class ScriptedBroker {
  readonly directory = mkdtempSync(join(tmpdir(), 'scripted-broker-'));
  readonly #version: 4 | 5;
  readonly #script: Script;
  readonly #sockets = new Set<TLSSocket>();
  #server: Server | undefined;

  constructor(version: 4 | 5, script: Script) {
    this.#version = version;
    this.#script = script;
  }

  /** Returns the port and what a client needs. */
  async start(): Promise<{ port: number; tls: TlsMaterial }> {
    const authority = await CertificateAuthority.open(this.directory);
    const device = await authority.issueDeviceCertificate();
    writeFileSync(join(this.directory, 'certificate.pem'), device.certificatePem);
    writeFileSync(join(this.directory, 'private.key'), device.privateKey, { mode: 0o600 });
    const identity = await authority.issueServerCertificate(['127.0.0.1']);
    const server = createServer({ ...identity, ca: authority.caPem, requestCert: true }, (socket) =>
      this.#serve(socket),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
    const tls = loadTlsMaterial({
      certificatePath: join(this.directory, 'certificate.pem'),
      privateKeyPath: join(this.directory, 'private.key'),
      rootCaPath: authority.caPath,
    });
    return { port: (server.address() as AddressInfo).port, tls };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()));
    rmSync(this.directory, { recursive: true });
  }

  #serve(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const protocolVersion = this.#version;
    const parser = mqttPacket.parser({ protocolVersion });
    const peer: Peer = {
      send: (packet) => socket.write(mqttPacket.generate(packet, { protocolVersion })),
      close: () => socket.destroy(),
    };
    parser.on('packet', (packet) => this.#script(packet, peer));
    socket.on('data', (bytes) => parser.parse(bytes));
  }
}

/** Accepts the connection and leaves everything else to `then`. */
export function accepting(then: Script = () => undefined): Script {
  return (packet, peer) => {
    if (packet.cmd === 'connect') peer.send({ cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false });
    else then(packet, peer);
  };
}

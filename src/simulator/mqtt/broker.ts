import { X509Certificate } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import type { Clock } from '../clock.ts';
import type { JobsService } from '../jobs/jobs-service.ts';
import { JobsFront } from './jobs-front.ts';

export interface CertificateLookup {
  /** By certificate id, the lower-case hex SHA-256 of the DER; undefined: unknown here. */
  certificateStatus(certificateId: string): string | undefined;
}

export interface BrokerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** The server's key and certificate, and the CA's certificate, PEM. */
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  readonly certificates: CertificateLookup;
  readonly jobs: JobsService;
  readonly clock: Clock;
}

/** How AWS IoT Core tells MQTT from HTTPS; its SDKs offer it on port 8883 too, and a server must then select it. */
const ALPN = 'x-amzn-mqtt-ca';

/** The message broker: MQTT 3.1.1 over mutual TLS. */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #front: JobsFront;
  /** Below TLS: one that never finishes its handshake must not hold up a stop. */
  readonly #sockets = new Set<Socket>();
  #aedes: Aedes | undefined;
  #server: Server | undefined;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#front = new JobsFront(options.jobs, options.clock);
  }

  /** Returns the port. */
  async start(): Promise<number> {
    const aedes = await Aedes.createBroker();
    this.#aedes = aedes;
    // After the PUBACK: answers come behind it, as captured from the service.
    aedes.published = (packet, client, done) => {
      done();
      if (client) this.#front.published(packet.topic, packet.payload, client);
    };
    // A client's protocol error or lost connection is that client's: Aedes closes it.
    aedes.on('clientError', (client: Client) => client.close());
    aedes.on('connectionError', (client: Client) => client.close());
    const { host, port, key, cert, ca } = this.#options;
    const server = createServer(
      {
        key,
        cert,
        ca,
        minVersion: 'TLSv1.2',
        requestCert: true,
        // We decide: AWS accepts certificates of other CAs too, if they are registered.
        rejectUnauthorized: false,
        // Any other offer is granted too: to refuse it would end the handshake, and nobody knows that AWS does.
        ALPNCallback: ({ protocols }) => (protocols.includes(ALPN) ? ALPN : protocols[0]),
      },
      (socket) => this.#accept(socket, aedes),
    );
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    if (this.#server?.listening) this.#server.close(() => resolve());
    else resolve();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await new Promise<void>((done) => (this.#aedes ? this.#aedes.close(done) : done()));
    this.#aedes = undefined;
  }

  /** To whoever has subscribed, at the subscription's QoS up to 1. */
  publish(topic: string, payload: object): void {
    const body = Buffer.from(JSON.stringify(payload));
    const packet = { cmd: 'publish', topic, payload: body, qos: 1, retain: false, dup: false } as const;
    this.#aedes?.publish(packet, ignoreDelivery);
  }

  #accept(socket: TLSSocket, aedes: Aedes): void {
    socket.setNoDelay(true);
    // A reset is followed by its close, which is all we need to know.
    socket.on('error', () => socket.destroy());
    if (!this.#isWelcome(socket)) {
      // As AWS IoT Core does: no CONNACK, no word.
      socket.destroy();
      return;
    }
    aedes.handle(socket);
  }

  #isWelcome(socket: TLSSocket): boolean {
    const { raw } = socket.getPeerCertificate();
    if (raw === undefined) return false;
    const certificate = new X509Certificate(raw);
    const id = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    const now = this.#options.clock.now();
    const inTime = Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
    return inTime && this.#options.certificates.certificateStatus(id) === 'ACTIVE';
  }
}

/** A client that went away does not get the message, as with the real service. */
const ignoreDelivery = () => undefined;

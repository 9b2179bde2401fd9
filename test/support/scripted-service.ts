import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { Aedes } from 'aedes';
import { CertificateAuthority } from '../../src/simulator/certificate-authority.ts';
import { ThingAgentProcess } from './lab.ts';

/** A request of the agent: `get`, `start-next`, `<jobId>/get` or `<jobId>/update`, and its body. */
export interface ServiceRequest {
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What to answer with; `silent` never answers. */
export type ServiceAnswer =
  | { readonly accepted: object }
  | { readonly rejected: string }
  | { readonly raw: string }
  | 'silent';

/**
 * A Jobs service whose every answer is the test's own: for what the simulator, being faithful, never says. A real
 * broker, mutual TLS, and a real agent process on the other side.
 */
export class ScriptedService {
  readonly directory = mkdtempSync(join(tmpdir(), 'scripted-service-'));
  readonly requests: ServiceRequest[] = [];
  readonly #answer: (request: ServiceRequest, nth: number) => ServiceAnswer;
  #broker: Aedes | undefined;
  #server: Server | undefined;
  #agent: ThingAgentProcess | undefined;

  /** @param answer is given the request and how many of the same operation came before it. */
  constructor(answer: (request: ServiceRequest, nth: number) => ServiceAnswer) {
    this.#answer = answer;
  }

  async start(): Promise<void> {
    const authority = await CertificateAuthority.open(this.directory);
    const { cert, key } = await authority.issueServerCertificate(['127.0.0.1']);
    const device = await authority.issueDeviceCertificate();
    writeFileSync(this.file('certificate.pem'), device.certificatePem);
    writeFileSync(this.file('private.key'), device.privateKey, { mode: 0o600 });
    const broker = await Aedes.createBroker();
    broker.published = (packet, client, done) => {
      done();
      const operation = /^\$aws\/things\/pi\/jobs\/(.*)$/.exec(packet.topic)?.[1];
      if (!client || operation === undefined) return;
      const body = JSON.parse(packet.payload.toString() || '{}') as Record<string, unknown>;
      const nth = this.requests.filter((request) => request.operation === operation).length;
      this.requests.push({ operation, body });
      const answer = this.#answer({ operation, body }, nth);
      if (answer === 'silent') return;
      const token = { clientToken: body['clientToken'], timestamp: Math.floor(Date.now() / 1000) };
      if ('raw' in answer) this.publish(`${operation}/accepted`, answer.raw);
      else if ('accepted' in answer) this.publish(`${operation}/accepted`, { ...token, ...answer.accepted });
      else this.publish(`${operation}/rejected`, { ...token, code: answer.rejected, message: 'as the test says' });
    };
    this.#broker = broker;
    const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (socket) => {
      socket.setNoDelay(true);
      broker.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  /** Publishes on a Jobs topic of the thing. */
  publish(suffix: string, message: object | string): void {
    const payload = typeof message === 'string' ? message : JSON.stringify(message);
    const packet = {
      cmd: 'publish',
      topic: `$aws/things/pi/jobs/${suffix}`,
      payload,
      qos: 0,
      retain: false,
      dup: false,
    };
    this.#broker?.publish(packet as Parameters<Aedes['publish']>[0], () => undefined);
  }

  /** How often an operation was asked for. */
  count(operation: string): number {
    return this.requests.filter((request) => request.operation === operation).length;
  }

  startAgent(changes: Record<string, unknown> = {}): ThingAgentProcess {
    const config = {
      thingName: 'pi',
      endpoint: '127.0.0.1',
      port: (this.#server?.address() as AddressInfo).port,
      certificatePath: this.file('certificate.pem'),
      privateKeyPath: this.file('private.key'),
      rootCaPath: this.file('ca.pem'),
      stateDirectory: this.file('state'),
      log: { level: 'debug' },
      ...changes,
    };
    writeFileSync(this.file('agent.json'), JSON.stringify(config));
    this.#agent = new ThingAgentProcess(['run', '--config', this.file('agent.json')]);
    return this.#agent;
  }

  async close(): Promise<void> {
    await this.#agent?.stop('SIGKILL');
    await new Promise<void>((resolve) => (this.#broker ? this.#broker.close(resolve) : resolve()));
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { CertificateAuthority } from './certificate-authority.ts';
import { type Clock, systemClock } from './clock.ts';
import { validCertificateId } from './http/client-certificate.ts';
import { createHttpFront } from './http/http-front.ts';
import { deviceOperations, jobsOperations } from './http/jobs-operations.ts';
import { registryOperations } from './http/registry-operations.ts';
import { signedService } from './http/signature.ts';
import { JobsService } from './jobs/jobs-service.ts';
import { Broker } from './mqtt/broker.ts';
import { Registry } from './registry/registry.ts';
import { starting } from './start-error.ts';
import { Store } from './store.ts';
import { prepareThing } from './thing-directory.ts';

/** The account that the simulator plays (the one of AWS's documentation examples). */
export const ACCOUNT_ID = '123456789012';

export interface SimulatorOptions {
  readonly dataDirectory: string;
  /** The address to listen on; default 127.0.0.1. */
  readonly host?: string;
  /** Further names and addresses for the server certificate. */
  readonly hostnames?: readonly string[];
  /** 0, the default, picks a free port; so for all three. */
  readonly mqttPort?: number;
  readonly httpPort?: number;
  readonly httpsPort?: number;
  /** Default us-east-1. */
  readonly region?: string;
  readonly clock?: Clock;
  /** Told about faults of the simulator itself, which clients see as InternalFailureException. */
  readonly onFault?: (error: unknown) => void;
}

/** Where a started simulator is to be reached. */
export interface SimulatorAddresses {
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly caPath: string;
}

interface Running {
  readonly addresses: SimulatorAddresses;
  readonly registry: Registry;
  readonly authority: CertificateAuthority;
}

/** AWS IoT Core with its Jobs service, on one machine: the composition root of the simulator. */
export class Simulator {
  readonly #options: SimulatorOptions;
  readonly #directory: string;
  readonly #host: string;
  #running: Running | undefined;
  /** What `stop` undoes, in the order in which it was acquired. */
  readonly #acquired: (() => Promise<void> | void)[] = [];

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#directory = resolve(options.dataDirectory);
    this.#host = options.host ?? '127.0.0.1';
  }

  /** @throws SimulatorStartError naming the option at fault; nothing is left open then. */
  async start(): Promise<SimulatorAddresses> {
    try {
      this.#running = await this.#start();
      return this.#running.addresses;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Makes a thing ready for an agent, in `<data directory>/things/<name>`; see `prepareThing`. */
  async addThing(name: string): Promise<void> {
    const running = this.#running;
    if (!running) throw new Error('the simulator is not started');
    const { mqttPort: port, caPath: rootCaPath } = running.addresses;
    const directory = join(this.#directory, 'things', name);
    // The name is checked before it becomes a path.
    if (!running.registry.thingExists(name)) running.registry.things.create(name);
    await prepareThing(name, directory, { endpoint: this.#reachableHost(), port, rootCaPath }, running);
  }

  async stop(): Promise<void> {
    this.#running = undefined;
    for (const release of this.#acquired.splice(0).reverse()) await release();
  }

  async #start(): Promise<Running> {
    const { region = 'us-east-1', clock = systemClock, onFault = () => undefined } = this.#options;
    const directory = this.#directory;
    const { authority, store } = await starting('dataDirectory', `cannot use ${directory}`, async () => {
      await mkdir(directory, { recursive: true });
      const opened = await CertificateAuthority.open(directory);
      return { authority: opened, store: new Store(join(directory, 'simulator.sqlite')) };
    });
    this.#acquired.push(() => store.close());

    const account = { store, clock, region, accountId: ACCOUNT_ID };
    const registry = new Registry(account);
    let broker: Broker | undefined;
    const jobs = new JobsService({
      ...account,
      thingExists: (name) => registry.thingExists(name),
      publish: (topic, payload) => broker?.publish(topic, payload),
    });
    const certificates = { certificateStatus: (id: string) => registry.certificateStatus(id) };
    const tls = { ...(await authority.issueServerCertificate(this.#serverNames())), ca: authority.caPem };

    const { mqttPort: wanted = 0 } = this.#options;
    const mqtt = new Broker({ host: this.#host, port: wanted, ...tls, certificates, jobs, clock });
    const mqttPort = await starting('mqttPort', `cannot listen on ${this.#host}:${wanted}`, () => mqtt.start());
    broker = mqtt;
    this.#acquired.push(() => mqtt.stop());

    // Known only once the ports are open; no request comes before.
    const ports = { http: 0 };
    const endpoint = (type: string): string | undefined => this.#endpoint(type, mqttPort, ports.http);
    const answered = (): void => jobs.flushNotifications();
    const device = deviceOperations(jobs);
    const http = createHttpFront({
      handlers: {
        iot: { ...registryOperations({ registry, authority, endpoint }), ...jobsOperations(jobs) },
        'iot-jobs-data': device,
      },
      authenticate: (request) => signedService(request.headers.authorization, credentialOf(request.query)),
      answered,
      onFault,
    });
    ports.http = await this.#listen(http, 'httpPort');
    const https = createHttpFront({
      handlers: { 'iot-jobs-data': device },
      authenticate: (request) => {
        validCertificateId(request.raw.socket, certificates.certificateStatus);
        return 'iot-jobs-data';
      },
      answered,
      onFault,
      tls,
    });
    const httpsPort = await this.#listen(https, 'httpsPort');
    const addresses = { mqttPort, httpPort: ports.http, httpsPort, caPath: authority.caPath };
    return { addresses, registry, authority };
  }

  async #listen(app: FastifyInstance, option: 'httpPort' | 'httpsPort'): Promise<number> {
    const port = this.#options[option] ?? 0;
    await starting(option, `cannot listen on ${this.#host}:${port}`, () => app.listen({ host: this.#host, port }));
    this.#acquired.push(() => app.close());
    return (app.server.address() as AddressInfo).port;
  }

  /** AWS answers with a host alone; here the port is needed too: a documented deviation. */
  #endpoint(type: string, mqttPort: number, httpPort: number): string | undefined {
    const name = this.#reachableHost();
    const host = name.includes(':') ? `[${name}]` : name;
    if (type === 'iot:Data-ATS' || type === 'iot:Data') return `${host}:${mqttPort}`;
    return type === 'iot:Jobs' ? `${host}:${httpPort}` : undefined;
  }

  /** Listening everywhere is no address to connect to: then the first name given, else this machine's own. */
  #reachableHost(): string {
    const everywhere = this.#host === '0.0.0.0' || this.#host === '::';
    return everywhere ? (this.#options.hostnames?.[0] ?? 'localhost') : this.#host;
  }

  #serverNames(): string[] {
    return ['localhost', '127.0.0.1', '::1', this.#host, ...(this.#options.hostnames ?? [])];
  }
}

/** A presigned request carries its scope in the query. */
function credentialOf(query: unknown): string | undefined {
  if (typeof query !== 'object' || query === null || !('X-Amz-Credential' in query)) return undefined;
  const credential = query['X-Amz-Credential'];
  return typeof credential === 'string' ? credential : undefined;
}

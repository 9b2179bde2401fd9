import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { Account } from './account.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import type { Decisions } from './decisions.ts';
import type { BrokerNews, ExternalBroker } from './external-broker/external-broker.ts';
import type { BrokerOption } from './external-broker/target.ts';
import { Faults } from './faults/faults.ts';
import { createDeviceFront } from './http/device-front.ts';
import { OPERATIONS } from './http/operations.ts';
import { createOperatorFront } from './http/operator-front.ts';
import { MessageLog } from './messages/message-log.ts';
import { MovableClock } from './movable-clock.ts';
import { Broker } from './mqtt/broker.ts';
import { JobsFront } from './mqtt/jobs-front.ts';
import { PolicyAuthorizer } from './mqtt/policy-authorizer.ts';
import { PolicyEvaluator } from './policy/policy-evaluator.ts';
import { type AgentEndpoint, prepareThing } from './prepared-thing.ts';
import type { Registry } from './registry/registry.ts';
import type { ServiceError } from './service-error.ts';
import type { ServiceName } from './service-name.ts';
import { Settings } from './settings.ts';
import { starting } from './start-error.ts';
import { Store } from './store.ts';

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
  readonly clock?: MovableClock;
  /** Readings of what AWS leaves open; see decisions.ts. */
  readonly decisions?: Partial<Decisions>;
  /** An existing broker to use instead of our own; `mqttPort` has no meaning then. The start waits until it is there. */
  readonly broker?: BrokerOption;
  /** Told when that broker is there, and why it is not. */
  readonly onBrokerNews?: (news: BrokerNews) => void;
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
  readonly mqtt: AgentEndpoint;
  readonly addresses: SimulatorAddresses;
  readonly registry: Registry;
  readonly authority: CertificateAuthority;
}

/** AWS IoT Core with its Jobs service, on one machine: the composition root of the simulator. */
export class Simulator {
  /** Moves the time of the service: timers, schedules, rollouts; see also `POST /_simulator/time`. */
  readonly clock: MovableClock;
  /** What AWS leaves open, as it is decided now. */
  readonly settings: Settings;
  /** Faults on order. */
  readonly faults: Faults;
  /** Every message of every connection. */
  readonly messages: MessageLog;
  readonly #options: SimulatorOptions;
  readonly #directory: string;
  readonly #host: string;
  #running: Running | undefined;
  /** The start that is under way, if one is, and what ends its wait for an external broker. */
  #starting: Promise<Running> | undefined;
  #stopping = new AbortController();
  /** What `stop` undoes, in the order in which it was acquired. */
  readonly #acquired: (() => unknown)[] = [];

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.clock = options.clock ?? new MovableClock();
    this.settings = new Settings(options.decisions);
    this.faults = new Faults({
      clock: this.clock,
      operations: OPERATIONS.map(({ name }) => name),
      connections: options.broker === undefined,
    });
    this.messages = new MessageLog({ clock: this.clock });
    this.#directory = resolve(options.dataDirectory);
    this.#host = options.host ?? '127.0.0.1';
  }

  /** @throws SimulatorStartError naming the option at fault; nothing is left open then. */
  async start(): Promise<SimulatorAddresses> {
    this.#stopping = new AbortController();
    this.#starting = this.#start();
    try {
      this.#running = await this.#starting;
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
    const directory = join(this.#directory, 'things', name);
    // The name is checked before it becomes a path.
    if (!running.registry.thingExists(name)) running.registry.things.create(name);
    await prepareThing(name, directory, running.mqtt, running);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // What is being acquired can be released when it is there.
    await this.#starting?.catch(() => undefined);
    this.#starting = undefined;
    this.#running = undefined;
    for (const release of this.#acquired.splice(0).reverse()) await release();
  }

  async #start(): Promise<Running> {
    const { region = 'us-east-1', onFault = () => undefined } = this.#options;
    const { clock, settings, faults, messages } = this;
    const directory = this.#directory;
    const { authority, store } = await starting('dataDirectory', `cannot use ${directory}`, async () => {
      await mkdir(directory, { recursive: true });
      const opened = await CertificateAuthority.open(directory);
      return { authority: opened, store: new Store(join(directory, 'simulator.sqlite')) };
    });
    this.#acquired.push(() => store.close());
    this.#acquired.push(clock.onFault(onFault), keepTime(clock, store));

    // Known only once the ports are open; no request comes before.
    const ports = { http: 0 };
    let broker: Broker | ExternalBroker | undefined;
    const account = new Account({
      ...{ store, clock, region, settings },
      accountId: ACCOUNT_ID,
      objectsDirectory: join(directory, 'objects'),
      baseUrl: () => `http://${hostAndPort(this.#reachableHost(), ports.http)}`,
      publish: (topic, payload) => broker?.publish(topic, payload),
      certificateChanged: (certificateId) => embedded.certificateChanged(certificateId),
    });
    const { registry, jobs } = account;
    const tls = { ...(await authority.issueServerCertificate(this.#serverNames())), ca: authority.caPem };
    const policies = new PolicyEvaluator();
    const failure = (operation: string, service: ServiceName): ServiceError | undefined =>
      faults.failureOf(operation, service);
    const answered = (): void => jobs.flushNotifications();
    const front = new JobsFront({ jobs, clock, failure: (name) => failure(name, 'iot-jobs-data'), onFault });

    const external = await this.#externalBroker(authority, front, answered);
    const { mqttPort: wanted = 0 } = this.#options;
    const embedded = new Broker({
      ...{ host: this.#host, port: wanted, ...tls, front, answered, clock, faults, log: messages, onFault },
      certificates: registry,
      authorizer: new PolicyAuthorizer({ policies, source: registry, arnPrefix: account.arnPrefix }),
      answersGoTo: () => settings.current.answers,
    });
    const mqtt = external?.broker ?? embedded;
    broker = mqtt;
    this.#acquired.push(() => mqtt.stop());
    const mqttPort = external
      ? await external.broker.start(this.#stopping.signal)
      : await starting('mqttPort', `cannot listen on ${this.#host}:${wanted}`, () => embedded.start());
    const own = { endpoint: this.#reachableHost(), port: mqttPort, rootCaPath: authority.caPath };
    const agentEndpoint: AgentEndpoint = external?.endpoint ?? own;
    jobs.start();
    this.#acquired.push(() => jobs.stop());

    const endpoint = (type: string): string | undefined => this.#endpoint(type, agentEndpoint, ports.http);
    const state = (): object => {
      // How far the clock is ahead is shown as the time.
      const { clock: _, 'job-templates': jobTemplates = [], ...kept } = store.dump();
      const ordered = { faults: faults.list(), rates: faults.rates };
      const connections = embedded.connections();
      return { region, accountId: ACCOUNT_ID, connections, ...ordered, jobTemplates, ...kept };
    };
    const reset = (options: { readonly registry: boolean }): void => this.#reset(account, options);
    const control = { clock, settings, faults, messages, state, reset };
    const shared = { account, answered, failure, onFault };
    ports.http = await this.#listen(createOperatorFront({ ...shared, authority, control, endpoint }), 'httpPort');
    const httpsPort = await this.#listen(createDeviceFront({ ...shared, policies, clock, tls }), 'httpsPort');
    const addresses = { mqttPort, httpPort: ports.http, httpsPort, caPath: authority.caPath };
    return { mqtt: agentEndpoint, addresses, registry, authority };
  }

  #reset(account: Account, options: { readonly registry: boolean }): void {
    this.faults.clear();
    account.reset(options);
    this.messages.clear();
    this.settings.reset();
  }

  async #externalBroker(
    authority: CertificateAuthority,
    front: JobsFront,
    answered: () => void,
  ): Promise<{ broker: ExternalBroker; endpoint: AgentEndpoint } | undefined> {
    const { broker: option, onBrokerNews: onNews = () => undefined, onFault = () => undefined } = this.#options;
    if (!option) return undefined;
    // Loaded when needed: MQTT.js is not small.
    const { attachBroker } = await import('./external-broker/attachment.ts');
    const directory = join(this.#directory, 'broker');
    const { faults, messages: log } = this;
    const names = this.#serverNames();
    return attachBroker(option, { authority, directory, names, front, answered, faults, log, onNews, onFault });
  }

  async #listen(app: FastifyInstance, option: 'httpPort' | 'httpsPort'): Promise<number> {
    const port = this.#options[option] ?? 0;
    await starting(option, `cannot listen on ${this.#host}:${port}`, () => app.listen({ host: this.#host, port }));
    this.#acquired.push(() => app.close());
    return (app.server.address() as AddressInfo).port;
  }

  /** AWS answers with a host alone; here the port is needed too: a documented deviation. */
  #endpoint(type: string, mqtt: AgentEndpoint, httpPort: number): string | undefined {
    if (type === 'iot:Data-ATS' || type === 'iot:Data') return hostAndPort(mqtt.endpoint, mqtt.port);
    return type === 'iot:Jobs' ? hostAndPort(this.#reachableHost(), httpPort) : undefined;
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

/** State has the times of a clock that was moved: it goes on from there after a restart. */
function keepTime(clock: MovableClock, store: Store): () => void {
  const kept = store.collection<{ readonly ahead: number }>('clock');
  const { ahead = 0 } = kept.get('clock') ?? {};
  if (ahead > clock.ahead) clock.advance(ahead - clock.ahead);
  return clock.onMove((moved) => kept.set('clock', { ahead: moved }));
}

function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet';
import { expect } from 'vitest';
import { Account } from '../../../src/simulator/account.ts';
import { CertificateAuthority } from '../../../src/simulator/certificate-authority.ts';
import { Faults } from '../../../src/simulator/faults/faults.ts';
import { MessageLog } from '../../../src/simulator/messages/message-log.ts';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';
import { Broker } from '../../../src/simulator/mqtt/broker.ts';
import { JobsFront } from '../../../src/simulator/mqtt/jobs-front.ts';
import { PolicyAuthorizer } from '../../../src/simulator/mqtt/policy-authorizer.ts';
import { PolicyEvaluator } from '../../../src/simulator/policy/policy-evaluator.ts';
import { Settings } from '../../../src/simulator/settings.ts';
import { Store } from '../../../src/simulator/store.ts';

export const ARN = 'arn:aws:iot:us-east-1:123456789012';
export const ALLOW_ALL = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };

/** A certificate of the account, with the key to use it. */
export interface Identity {
  readonly id: string;
  readonly arn: string;
  readonly cert: string;
  readonly key: string;
}

/** The broker with the whole account behind it, in memory. The clock stands still unless it is moved. */
export class GateLab {
  readonly clock: MovableClock;
  readonly account: Account;
  readonly faults: Faults;
  readonly log: MessageLog;
  readonly errors: unknown[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'gate-'));
  readonly #clients: RawClient[] = [];
  #broker: Broker | undefined;
  #authority: CertificateAuthority | undefined;
  #policies = 0;
  port = 0;

  constructor() {
    const now = Date.now();
    const onFault = (error: unknown): unknown => this.errors.push(error);
    this.clock = new MovableClock({ source: () => now });
    this.clock.onFault(onFault);
    this.faults = new Faults({ clock: this.clock });
    this.log = new MessageLog({ clock: this.clock });
    this.account = new Account({
      store: new Store(':memory:'),
      clock: this.clock,
      region: 'us-east-1',
      accountId: '123456789012',
      settings: new Settings(),
      objectsDirectory: this.#directory,
      baseUrl: () => 'http://127.0.0.1',
      publish: (topic, payload) => this.broker.publish(topic, payload),
      certificateChanged: (id) => this.broker.certificateChanged(id),
    });
  }

  get broker(): Broker {
    if (!this.#broker) throw new Error('the lab is not started');
    return this.#broker;
  }

  get ca(): string {
    return this.#authority?.caPem ?? '';
  }

  /** `answersGoTo`: as the broker's option. */
  async start(options: { answersGoTo?: () => 'requester' | 'subscribers' } = {}): Promise<void> {
    const { registry, jobs } = this.account;
    const { clock, faults, log } = this;
    this.#authority = await CertificateAuthority.open(this.#directory);
    const onFault = (error: unknown): unknown => this.errors.push(error);
    this.#broker = new Broker({
      host: '127.0.0.1',
      port: 0,
      ...(await this.#authority.issueServerCertificate(['127.0.0.1'])),
      ca: this.ca,
      certificates: registry,
      front: new JobsFront({
        jobs,
        clock,
        onFault,
        failure: (operation) => faults.failureOf(operation, 'iot-jobs-data'),
      }),
      answered: () => jobs.flushNotifications(),
      authorizer: new PolicyAuthorizer({
        policies: new PolicyEvaluator(),
        arnPrefix: ARN,
        source: {
          policyDocumentsOf: (id, thing) => registry.policyDocumentsOf(id, thing),
          thingsOfCertificate: (id) => registry.thingsOfCertificate(id),
          certificatePemOf: (id) => registry.certificates.get(id)?.certificatePem,
          attributesOf: (thing) => registry.things.describe(thing).attributes,
        },
      }),
      ...{ clock, faults, log, onFault },
      ...options,
    });
    this.port = await this.#broker.start();
    jobs.start();
  }

  /** Leaves nothing of one test for the next; nothing may have gone wrong inside. */
  async reset(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.destroy();
    this.faults.clear();
    this.log.clear();
    expect(this.errors.splice(0)).toEqual([]);
  }

  async stop(): Promise<void> {
    this.account.jobs.stop();
    await this.#broker?.stop();
    this.clock.stop();
    rmSync(this.#directory, { recursive: true });
  }

  /** A certificate with a policy of these statements, attached to this thing. */
  async identity(thing: string, ...statements: readonly object[]): Promise<Identity> {
    const { registry } = this.account;
    if (!this.#authority) throw new Error('the lab is not started');
    const { certificatePem, privateKey } = await this.#authority.issueDeviceCertificate();
    const { certificateId, certificateArn } = registry.certificates.register(certificatePem, 'ACTIVE');
    this.#policies += 1;
    const name = `policy-${this.#policies}`;
    registry.policies.create(name, JSON.stringify({ Version: '2012-10-17', Statement: statements }));
    registry.attachPolicy(name, certificateArn);
    if (!registry.thingExists(thing)) registry.things.create(thing);
    registry.attachThingPrincipal(thing, certificateArn);
    return { id: certificateId, arn: certificateArn, cert: certificatePem, key: privateKey };
  }

  /** A TLS connection, before its CONNECT. */
  async dial(identity: Identity): Promise<RawClient> {
    const { cert, key } = identity;
    const socket = connect({ host: '127.0.0.1', port: this.port, ca: this.ca, cert, key });
    const client = new RawClient(socket);
    this.#clients.push(client);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
    });
    return client;
  }

  /** A client that has its CONNACK. */
  async connect(identity: Identity, clientId: string, fields: Partial<IConnectPacket> = {}): Promise<RawClient> {
    const client = await this.dial(identity);
    client.connect(clientId, fields);
    expect(await client.next('connack')).toMatchObject({ returnCode: 0 });
    return client;
  }
}

/** MQTT packet by packet: says just what it is told to say, and acknowledges nothing by itself. */
export class RawClient {
  readonly socket: TLSSocket;
  /** All that came, in order. */
  readonly received: Packet[] = [];
  readonly closed: Promise<void>;
  isClosed = false;
  #looked = 0;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    const packets = parser();
    packets.on('packet', (packet) => this.received.push(packet));
    socket.on('data', (chunk: Buffer) => packets.parse(chunk));
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.isClosed = true;
        resolve();
      }),
    );
  }

  connect(clientId: string, fields: Partial<IConnectPacket> = {}): void {
    this.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      keepalive: 60,
      clientId,
      ...fields,
    });
  }

  send(packet: Packet): void {
    this.socket.write(generate(packet));
  }

  publish(topic: string, payload: string | Buffer = '', fields: { qos?: 0 | 1 | 2; retain?: boolean } = {}): void {
    const { qos = 1, retain = false } = fields;
    this.send({ cmd: 'publish', topic, payload, qos, retain, dup: false, ...(qos > 0 && { messageId: 7 }) });
  }

  /** The codes of the SUBACK. */
  async subscribe(...filters: readonly (string | readonly [filter: string, qos: 0 | 1 | 2])[]): Promise<unknown> {
    const subscriptions = filters.map((one) => {
      const [topic, qos] = typeof one === 'string' ? ([one, 1] as const) : one;
      return { topic, qos };
    });
    this.send({ cmd: 'subscribe', messageId: 9, subscriptions });
    const suback = await this.next('suback');
    return suback.cmd === 'suback' ? suback.granted : undefined;
  }

  /** The next packet of this kind, of those that were not looked at yet. */
  async next(cmd: Packet['cmd']): Promise<Packet> {
    let found: Packet | undefined;
    await expect
      .poll(
        () => {
          const index = this.received.findIndex((packet, at) => at >= this.#looked && packet.cmd === cmd);
          if (index < 0) return false;
          found = this.received[index];
          this.#looked = index + 1;
          return true;
        },
        { interval: 5 },
      )
      .toBe(true);
    if (!found) throw new Error(`no ${cmd}`);
    return found;
  }

  /** Once this returns, all that was sent before has been handled, and its effects here have arrived. */
  async settled(): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      this.send({ cmd: 'pingreq' });
      await this.next('pingresp');
    }
  }

  /** What was published to it: topic and payload. */
  get messages(): [topic: string, payload: string][] {
    return this.received.flatMap((packet) =>
      packet.cmd === 'publish' ? [[packet.topic, packet.payload.toString()] as [string, string]] : [],
    );
  }

  get topics(): string[] {
    return this.messages.map(([topic]) => topic);
  }

  /** All that came after the CONNACK, each packet as one word: a topic or a command. */
  get order(): string[] {
    return this.received.slice(1).map((packet) => (packet.cmd === 'publish' ? packet.topic : packet.cmd));
  }

  async destroy(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}

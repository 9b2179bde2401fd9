import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { CreateJobCommand, DescribeEndpointCommand, IoTClient } from '@aws-sdk/client-iot';
import { Aedes } from 'aedes';
import { connectAsync, type MqttClient } from 'mqtt';
import type { ISubscribePacket } from 'mqtt-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../../src/simulator/certificate-authority.ts';
import type { BrokerNews } from '../../../src/simulator/external-broker/external-broker.ts';
import type { BrokerOption } from '../../../src/simulator/external-broker/target.ts';
import { Simulator, type SimulatorAddresses } from '../../../src/simulator/simulator.ts';
import { freePort } from '../../support/free-port.ts';
import { describeWithMosquitto, Mosquitto } from '../../support/mosquitto.ts';
import { type Script, ScriptedBroker } from '../../support/scripted-broker.ts';

let directory: string;
let simulator: Simulator;
let addresses: SimulatorAddresses;
let news: BrokerNews[];
let faults: unknown[];
let releases: (() => Promise<unknown> | unknown)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'external-broker-'));
  news = [];
  faults = [];
  releases = [];
});

afterEach(async () => {
  for (const release of releases.reverse()) await release();
  rmSync(directory, { recursive: true });
  expect(faults).toEqual([]);
});

const data = (name: string) => join(directory, 'data', name);

function createSimulator(broker: BrokerOption, hostnames: readonly string[] = []): void {
  simulator = new Simulator({
    dataDirectory: data('.'),
    hostnames,
    broker,
    onBrokerNews: (item) => news.push(item),
    onFault: (error) => faults.push(error),
  });
  releases.push(() => simulator.stop());
}

/** Attached to the broker at this port, with the thing `pi`. */
async function attach(port: number, option: Partial<BrokerOption> = {}): Promise<void> {
  createSimulator({ url: `mqtts://127.0.0.1:${port}`, ...option });
  addresses = await simulator.start();
  await simulator.addThing('pi');
}

/** A Mosquitto with the simulator's own certificates; the simulator need not have written them. */
async function startMosquitto(...further: string[]): Promise<Mosquitto> {
  mkdirSync(data('.'), { recursive: true });
  const authority = await CertificateAuthority.open(data('.'));
  const { cert, key } = await authority.issueServerCertificate(['127.0.0.1']);
  writeFileSync(join(directory, 'server.pem'), cert);
  writeFileSync(join(directory, 'server.key'), key, { mode: 0o600 });
  const files = {
    ca: authority.caPath,
    certificate: join(directory, 'server.pem'),
    key: join(directory, 'server.key'),
  };
  const mosquitto = new Mosquitto(directory, await freePort(), files, further);
  releases.push(() => mosquitto.stop());
  await mosquitto.start();
  return mosquitto;
}

interface Device {
  readonly mqtt: MqttClient;
  readonly received: [topic: string, message: unknown][];
  topics(): string[];
}

async function device(port: number, clientId = 'pi', protocolVersion: 4 | 5 = 5): Promise<Device> {
  const received: [string, unknown][] = [];
  const mqtt = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port,
    ca: readFileSync(data('ca.pem')),
    cert: readFileSync(data('things/pi/certificate.pem')),
    key: readFileSync(data('things/pi/private.key')),
    clientId,
    protocolVersion,
    reconnectPeriod: 0,
  });
  releases.push(() => mqtt.endAsync(true));
  mqtt.on('message', (topic, payload) => received.push([topic, JSON.parse(payload.toString()) as unknown]));
  return { mqtt, received, topics: () => received.map(([topic]) => topic.slice(base.length + 1)) };
}

const base = '$aws/things/pi/jobs';
const iot = () =>
  new IoTClient({
    endpoint: `http://127.0.0.1:${addresses.httpPort}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
const createJob = (jobId: string) =>
  iot().send(
    new CreateJobCommand({ jobId, targets: ['arn:aws:iot:us-east-1:123456789012:thing/pi'], document: '{"a":1}' }),
  );
const problems = () => news.map((item) => ('problem' in item ? item.problem : item.event));

describeWithMosquitto('attached to Mosquitto', () => {
  it('a thing’s configuration and DescribeEndpoint name the broker', async () => {
    const { port } = await startMosquitto();
    await attach(port);
    expect(addresses.mqttPort).toBe(port);
    const config: unknown = JSON.parse(readFileSync(data('things/pi/agent.json'), 'utf8'));
    expect(config).toMatchObject({ endpoint: '127.0.0.1', port, rootCaPath: data('ca.pem') });
    const { endpointAddress } = await iot().send(new DescribeEndpointCommand({ endpointType: 'iot:Data-ATS' }));
    expect(endpointAddress).toBe(`127.0.0.1:${port}`);
    expect(news).toEqual([{ event: 'connected', protocolVersion: 5 }]);
  });

  it('an answer is an ordinary publish: to all who subscribed, and not to a requester that did not', async () => {
    const { port } = await startMosquitto();
    await attach(port);
    const [pi, other] = [await device(port), await device(port, 'other', 4)];
    await other.mqtt.subscribeAsync(`${base}/#`, { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/get`, '{"clientToken":"t"}', { qos: 1 });
    await expect.poll(() => other.topics()).toEqual(['get', 'get/accepted']);
    expect(other.received[1]?.[1]).toEqual({
      clientToken: 't',
      timestamp: expect.any(Number),
      inProgressJobs: [],
      queuedJobs: [],
    });
    expect(pi.received).toEqual([]);
  });

  it('an update is answered before its notifications, and nothing that the service says is taken for a request', async () => {
    const { port } = await startMosquitto();
    await attach(port);
    await createJob('j1');
    const pi = await device(port);
    await pi.mqtt.subscribeAsync(`${base}/#`, { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/j1/update`, '{"status":"SUCCEEDED"}', { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/$next/get`, '{}', { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/start-next`, '{"clientToken":1}', { qos: 0 });
    await expect.poll(() => pi.received.length).toBe(8);
    const own = ['j1/update', '$next/get', 'start-next'];
    expect(pi.topics().filter((topic) => !own.includes(topic))).toEqual([
      'j1/update/accepted',
      'notify',
      'notify-next',
      '$next/get/accepted',
      expect.stringMatching(/^start-next\/(accepted|rejected)$/),
    ]);
  });

  it('requests of a namespace are answered, and a job of one is notified there', async () => {
    const { port } = await startMosquitto();
    await attach(port);
    const pi = await device(port);
    await pi.mqtt.subscribeAsync(`${base}/#`, { qos: 1 });
    const targets = ['arn:aws:iot:us-east-1:123456789012:thing/pi'];
    await iot().send(new CreateJobCommand({ jobId: 'apart', targets, document: '{}', namespaceId: 'ns' }));
    await pi.mqtt.publishAsync(`${base}/$next/namespace-ns/get`, '{}', { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/apart/namespace-ns/update`, '{"status":"SUCCEEDED"}', { qos: 1 });
    await expect
      .poll(() => pi.topics().filter((topic) => topic.endsWith('accepted') || topic.startsWith('notify')))
      .toEqual([
        ...['notify-namespace-ns', 'notify-next-namespace-ns', '$next/namespace-ns/get/accepted'],
        ...['apart/namespace-ns/update/accepted', 'notify-namespace-ns', 'notify-next-namespace-ns'],
      ]);
  });

  it('a broker whose certificate is of another authority is not believed, unless that is given', async () => {
    const { port } = await startMosquitto();
    const others = join(directory, 'others');
    mkdirSync(others);
    const { caPath } = await CertificateAuthority.open(others);
    createSimulator({ url: `mqtts://127.0.0.1:${port}`, caPath });
    const start = simulator.start().catch((error: unknown) => error);
    await expect.poll(() => problems()).toEqual([expect.stringMatching(/certificate.*--broker-ca/)]);
    await simulator.stop();
    await start;
  });

  it('a message that the broker had retained is nobody’s request', async () => {
    const { port } = await startMosquitto();
    await attach(port);
    await createJob('j1');
    await simulator.stop();
    const pi = await device(port);
    await pi.mqtt.publishAsync(`${base}/start-next`, '{}', { qos: 1, retain: true });
    await attach(port);
    await pi.mqtt.subscribeAsync(`${base}/+/accepted`, { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/get`, '{}', { qos: 1 });
    await expect.poll(() => pi.received).toHaveLength(1);
    expect(pi.received[0]?.[1]).toMatchObject({ inProgressJobs: [], queuedJobs: [{ jobId: 'j1' }] });
  });

  it('with one message in flight at a time, as the broker may demand, all notifications come and in order', async () => {
    const { port } = await startMosquitto('max_inflight_messages 1');
    await attach(port);
    const pi = await device(port);
    await pi.mqtt.subscribeAsync(`${base}/notify`, { qos: 1 });
    const ids = Array.from({ length: 12 }, (_, index) => `j${index}`);
    await Promise.all(ids.map((jobId) => createJob(jobId)));
    await expect.poll(() => pi.received).toHaveLength(12);
    const lengths = pi.received.map(([, message]) => (message as { jobs: { QUEUED: unknown[] } }).jobs.QUEUED.length);
    expect(lengths).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]);
  });

  it('a publish that the broker’s rules forbid is told once, with its topic', async () => {
    const acl = join(directory, 'acl');
    writeFileSync(acl, 'topic read $aws/#\ntopic write $aws/things/+/jobs/get\n');
    const { port } = await startMosquitto(`acl_file ${acl}`);
    await attach(port);
    const pi = await device(port);
    for (let i = 0; i < 2; i += 1) await pi.mqtt.publishAsync(`${base}/get`, '{}', { qos: 1 });
    await expect.poll(() => news).toHaveLength(2);
    expect(news[1]).toEqual({
      event: 'refused',
      problem: 'Publish error: Not authorized',
      topic: `${base}/get/accepted`,
    });
  });

  it('a second client with the simulator’s id displaces it: it says so and comes back', async () => {
    const { port } = await startMosquitto();
    await attach(port);
    await device(port, 'thing-agent-simulator');
    await expect
      .poll(() => problems())
      .toEqual(['connected', expect.stringContaining('a second simulator'), 'connected']);
  });

  it('with certificates of its own it connects; with one that the broker does not know it says so and goes on trying', async () => {
    const { port } = await startMosquitto();
    const good = await (await CertificateAuthority.open(data('.'))).issueDeviceCertificate();
    const foreign = await (
      await CertificateAuthority.open(mkdtempSync(join(directory, 'foreign-')))
    ).issueDeviceCertificate();
    const paths = { certPath: join(directory, 'c.pem'), keyPath: join(directory, 'k.pem'), caPath: data('ca.pem') };
    writeFileSync(paths.certPath, foreign.certificatePem);
    writeFileSync(paths.keyPath, foreign.privateKey);
    createSimulator({ url: `mqtts://127.0.0.1:${port}`, ...paths });
    const start = simulator.start();
    start.catch(() => undefined);
    await expect.poll(() => news.length).toBeGreaterThan(0);
    expect(news[0]).toMatchObject({ event: 'unreachable', problem: expect.stringMatching(/certificate|unknown ca/i) });
    await simulator.stop();
    await expect(start).rejects.toThrow();
    writeFileSync(paths.certPath, good.certificatePem);
    writeFileSync(paths.keyPath, good.privateKey);
    await attach(port, paths);
    expect(news.at(-1)).toMatchObject({ event: 'connected' });
  });
});

/** What stands between two ends of TCP and can be cut. */
class Wire {
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  constructor(to: number) {
    this.#to = to;
  }

  async join(): Promise<void> {
    const server = createServer((near) => {
      const far = connect(this.#to, '127.0.0.1');
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => [near, far].map((one) => one.destroy()));
      }
      near.pipe(far).pipe(near);
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#server = undefined;
  }
}

describeWithMosquitto('while only the simulator is cut off from Mosquitto', () => {
  it('devices hear afterwards what is true then, once, and no late answers; new requests are answered', async () => {
    const { port } = await startMosquitto();
    const wire = new Wire(port);
    await wire.join();
    releases.push(() => wire.cut());
    await attach(wire.port);
    const pi = await device(port);
    await pi.mqtt.subscribeAsync([`${base}/notify`, `${base}/notify-next`, `${base}/get/accepted`], { qos: 1 });
    await wire.cut();
    await expect.poll(() => news.at(-1)?.event).toBe('unreachable');
    await createJob('j1');
    await createJob('j2');
    await pi.mqtt.publishAsync(`${base}/get`, '{"clientToken":"lost"}', { qos: 1 });
    await wire.join();
    await expect.poll(() => news.at(-1)?.event).toBe('connected');
    await pi.mqtt.publishAsync(`${base}/get`, '{"clientToken":"found"}', { qos: 1 });
    await expect.poll(() => pi.topics()).toContain('get/accepted');
    const queued = [expect.objectContaining({ jobId: 'j1' }), expect.objectContaining({ jobId: 'j2' })];
    expect(Object.fromEntries(pi.received)).toMatchObject({
      [`${base}/notify`]: { jobs: { QUEUED: queued } },
      [`${base}/notify-next`]: { execution: { jobId: 'j1' } },
      [`${base}/get/accepted`]: { clientToken: 'found' },
    });
    expect(pi.received).toHaveLength(3);
    // A trouble that comes again after all was well is told again.
    await wire.cut();
    await expect.poll(() => problems().filter((problem) => problem.startsWith('it c'))).toHaveLength(2);
  });
});

describe('a broker of MQTT 3.1.1 alone', () => {
  async function startAedes(allowSubscriptions: () => boolean): Promise<number> {
    mkdirSync(data('.'), { recursive: true });
    const authority = await CertificateAuthority.open(data('.'));
    const identity = await authority.issueServerCertificate(['127.0.0.1']);
    const aedes = await Aedes.createBroker();
    aedes.authorizeSubscribe = (_client, subscription, callback) =>
      callback(null, allowSubscriptions() ? subscription : null);
    const server = createTlsServer({ ...identity, ca: authority.caPem, requestCert: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      aedes.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    releases.push(
      () => new Promise((resolve) => server.close(resolve)),
      () => new Promise<void>((resolve) => aedes.close(resolve)),
    );
    return (server.address() as AddressInfo).port;
  }

  it('refuses MQTT 5, and is spoken to in its own version', async () => {
    const port = await startAedes(() => true);
    await attach(port);
    expect(news).toEqual([{ event: 'connected', protocolVersion: 4 }]);
    const pi = await device(port, 'pi', 4);
    await pi.mqtt.subscribeAsync(`${base}/get/accepted`, { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/get`, '{}', { qos: 1 });
    await expect.poll(() => pi.topics()).toEqual(['get/accepted']);
  });

  it('that refuses the subscription is asked again until it grants it', async () => {
    let allowed = false;
    const port = await startAedes(() => allowed);
    createSimulator({ url: `mqtts://127.0.0.1:${port}` });
    const start = simulator.start();
    await expect.poll(() => problems()).toEqual(['it refuses the subscription to $aws/things/+/jobs/get']);
    allowed = true;
    await start;
    expect(news.at(-1)).toEqual({ event: 'connected', protocolVersion: 4 });
  });
});

describe('a broker of MQTT 5', () => {
  async function attachTo(script: Script): Promise<void> {
    const scripted = new ScriptedBroker(5, script);
    releases.push(() => scripted.close());
    const { port } = await scripted.start();
    const path = (name: string) => join(scripted.directory, name);
    const files = { caPath: path('ca.pem'), certPath: path('certificate.pem'), keyPath: path('private.key') };
    createSimulator({ url: `mqtts://127.0.0.1:${port}`, ...files });
    await simulator.start();
  }
  const grant = ({ messageId = 0, subscriptions }: ISubscribePacket) =>
    ({ cmd: 'suback', messageId, granted: subscriptions.map(() => 1) }) as const;
  const welcome = { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false } as const;

  it.each([
    [0x8e, 'another client with the id thing-agent-simulator took over: a second simulator?'],
    [0x8b, 'it ended the connection with reason code 139'],
  ])('that ends the connection with reason code %i is understood, and tried again', async (reasonCode, problem) => {
    let connections = 0;
    await attachTo((packet, peer) => {
      if (packet.cmd === 'connect') {
        connections += 1;
        peer.send(welcome);
      } else if (packet.cmd === 'subscribe') {
        peer.send(grant(packet));
        if (connections === 1) peer.send({ cmd: 'disconnect', reasonCode });
      }
    });
    await expect.poll(() => problems()).toEqual(['connected', problem, 'connected']);
    // It has a CA of its own.
    expect(existsSync(data('broker'))).toBe(false);
  });

  it('gets no more unacknowledged messages than it takes, and an acknowledgement when its message is handled', async () => {
    const seen: string[] = [];
    const request = { cmd: 'publish', topic: `${base}/get`, payload: '{}', qos: 1, retain: false, dup: false } as const;
    await attachTo((packet, peer) => {
      if (packet.cmd === 'connect') peer.send({ ...welcome, properties: { receiveMaximum: 1 } });
      if (packet.cmd === 'subscribe') {
        peer.send(grant(packet));
        for (const messageId of [1, 2]) peer.send({ ...request, messageId });
      }
      if (packet.cmd === 'publish') seen.push('answer');
      if (packet.cmd === 'puback') seen.push(`acknowledged ${packet.messageId}`);
      if (packet.cmd === 'puback' && packet.messageId === 2) peer.send({ cmd: 'puback', messageId: firstId });
      if (packet.cmd === 'publish') firstId = packet.messageId ?? 0;
    });
    await expect.poll(() => seen).toEqual(['answer', 'acknowledged 1', 'acknowledged 2', 'answer']);
  });

  let firstId = 0;
});

describe('before there is a broker', () => {
  it('the start waits, and a stop ends it at once', async () => {
    createSimulator({ url: `mqtts://127.0.0.1:${await freePort()}` });
    const start = simulator.start();
    start.catch(() => undefined);
    await expect.poll(() => problems()).toEqual(['nothing listens there (ECONNREFUSED)']);
    await simulator.stop();
    await expect(start).rejects.toThrow();
  });

  it('a stop before the start has got that far ends it too', async () => {
    createSimulator({ url: `mqtts://127.0.0.1:${await freePort()}` });
    const start = simulator.start();
    start.catch(() => undefined);
    await simulator.stop();
    await expect(start).rejects.toThrow();
    expect(news).toEqual([]);
  });

  it('a certificate for it is written, kept while it fits, and made anew for another name', async () => {
    const certificate = () => readFileSync(data('broker/certificate.pem'), 'utf8');
    async function startFor(url: string, hostnames: string[] = []): Promise<string> {
      news = [];
      createSimulator({ url }, hostnames);
      simulator.start().catch(() => undefined);
      await expect.poll(() => news.length).toBe(1);
      await simulator.stop();
      return certificate();
    }
    const port = await freePort();
    const first = await startFor(`mqtts://127.0.0.1:${port}`);
    expect(statSync(data('broker/private.key')).mode & 0o777).toBe(0o600);
    expect(await startFor(`mqtts://127.0.0.1:${port}`)).toBe(first);
    const named = await startFor(`mqtts://127.0.0.1:${port}`, ['bench.local']);
    expect(new X509Certificate(named).checkHost('bench.local')).toBe('bench.local');
    expect(await startFor(`mqtts://127.0.0.2:${port}`, ['bench.local'])).not.toBe(named);
  });
});

describe('an option that is wrong', () => {
  it.each([
    ['mqtt://h:1883', 'not MQTT over TLS'],
    ['h:8883', 'not MQTT over TLS'],
    ['', 'not a URL'],
    ['mqtts://', 'names no host'],
    ['mqtts://h:0', 'no port'],
    ['mqtts://h:99999', 'not a URL'],
    ['mqtts://user:secret@h', 'has a user'],
    ['mqtts://h/path', 'has a path'],
  ])('url %j: %s', async (url, why) => {
    createSimulator({ url });
    const refusal = await simulator.start().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ option: 'broker.url', message: expect.stringContaining(why) });
    expect(String(refusal)).not.toContain('secret');
  });

  it('files that are missing, no certificate, or no pair are named', async () => {
    const authority = await CertificateAuthority.open(directory);
    const [one, two] = [await authority.issueDeviceCertificate(), await authority.issueDeviceCertificate()];
    const path = (name: string, content: string) => {
      writeFileSync(join(directory, name), content);
      return join(directory, name);
    };
    const [certPath, keyPath] = [path('one.pem', one.certificatePem), path('one.key', one.privateKey)];
    const otherKey = path('two.key', two.privateKey);
    const text = path('text', 'no certificate');
    for (const [option, named] of [
      [{ caPath: '/nowhere' }, 'broker.caPath'],
      [{ caPath: text }, 'broker.caPath'],
      [{ certPath }, 'broker.keyPath'],
      [{ keyPath }, 'broker.certPath'],
      [{ certPath: text, keyPath }, 'broker.certPath'],
      [{ certPath, keyPath: '/nowhere' }, 'broker.keyPath'],
      [{ certPath, keyPath: otherKey }, 'broker.keyPath'],
    ] as const) {
      createSimulator({ url: 'mqtts://127.0.0.1', ...option });
      await expect(simulator.start(), JSON.stringify(option)).rejects.toMatchObject({ option: named });
    }
  });
});

import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab } from '../support/conformance-lab.ts';
import { closeOf } from '../support/device-client.ts';

/** The message broker's limits and its ways, through MQTT.js; keep-alive, which is real time, has its test beside the broker. */
let lab: ConformanceLab;
let clients: MqttClient[] = [];
let count = 0;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterEach(async () => {
  for (const client of clients) await client.endAsync(true);
  clients = [];
});

afterAll(() => lab?.close());

async function connected(options: IClientOptions = {}): Promise<MqttClient> {
  count += 1;
  const client = await connectAsync(`mqtts://localhost:${lab.addresses.mqttPort}`, {
    ...{ ...lab.credentials(), clientId: `client-${count}`, protocolVersion: 4, reconnectPeriod: 0 },
    ...options,
  });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

/** The topics of what a client is sent from now on. */
function topicsOf(client: MqttClient): string[] {
  const topics: string[] = [];
  client.on('message', (topic) => topics.push(topic));
  return topics;
}

/** What was sent to the client before this is here: its own message comes back behind it. */
async function settled(client: MqttClient, topics: readonly string[]): Promise<string[]> {
  const fence = `fence/${client.options.clientId}`;
  await client.subscribeAsync(fence);
  await client.publishAsync(fence, '');
  await expect.poll(() => topics.includes(fence), { interval: 5 }).toBe(true);
  return topics.filter((topic) => topic !== fence);
}

/** Whether the act has the broker close the connection; if not, the act has been acknowledged. */
async function closes(client: MqttClient, act: () => Promise<unknown>): Promise<boolean> {
  const closed = closeOf(client).then(() => true);
  return Promise.race([
    closed,
    act().then(
      () => false,
      () => closed,
    ),
  ]);
}

describe('a connection', () => {
  it('by TLS that offers the ALPN protocol x-amzn-mqtt-ca has it selected (AWS IoT developer guide, Device communication protocols)', async () => {
    const socket = connectTls({
      ...{ ...lab.credentials(), host: 'localhost', port: lab.addresses.mqttPort },
      ALPNProtocols: ['x-amzn-mqtt-ca'],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('x-amzn-mqtt-ca');
    socket.destroy();
  });

  it('is displaced by a second one with its client id (AWS IoT developer guide, MQTT)', async () => {
    const first = await connected({ clientId: 'twice' });
    const closed = closeOf(first);
    const second = await connected({ clientId: 'twice' });
    await closed;
    expect(await closes(second, () => second.publishAsync('a', '', { qos: 1 }))).toBe(false);
  });

  it('with a client id of 129 bytes, or one that begins with $, is refused (AWS general reference, AWS IoT Core quotas)', async () => {
    for (const clientId of ['i'.repeat(129), '$client']) await expect(connected({ clientId })).rejects.toThrow();
    await connected({ clientId: 'i'.repeat(128) });
  });
});

describe('a publish', () => {
  it.each<[boolean, string, string, string]>([
    [false, 'of 128 KiB', 'a', 'x'.repeat(131_072)],
    [true, 'of a byte more', 'a', 'x'.repeat(131_073)],
    [false, 'on a topic of 256 bytes', 't'.repeat(256), ''],
    [true, 'on a topic of 257 bytes', 't'.repeat(257), ''],
    [false, 'on a topic with seven slashes', 'a/a/a/a/a/a/a/a', ''],
    [true, 'on a topic with eight slashes', 'a/a/a/a/a/a/a/a/a', ''],
  ])('closes the connection (%s) if it is %s (AWS general reference, AWS IoT Core quotas)', async (closed, _, topic, payload) => {
    const client = await connected();
    expect(await closes(client, () => client.publishAsync(topic, payload, { qos: 1 }))).toBe(closed);
  });

  it('at QoS 2 is not taken (AWS IoT developer guide, MQTT)', async () => {
    const client = await connected();
    expect(await closes(client, () => client.publishAsync('a', '', { qos: 2 }))).toBe(true);
  });

  it('to a topic of Jobs is not retained (AWS IoT developer guide, MQTT)', async () => {
    const topic = '$aws/things/pi/jobs/notify';
    const client = await connected();
    await client.publishAsync(topic, '{}', { qos: 1, retain: true });
    const late = await connected();
    const topics = topicsOf(late);
    await late.subscribeAsync(topic);
    expect(await settled(late, topics)).toEqual([]);
  });
});

describe('a will', () => {
  it('is published when the connection is lost, but not on topics of AWS (AWS IoT developer guide, MQTT; the latter our reading)', async () => {
    const listener = await connected();
    const topics = topicsOf(listener);
    await listener.subscribeAsync(['last/words', '$aws/things/pi/jobs/notify']);
    for (const topic of ['$aws/things/pi/jobs/notify', 'last/words']) {
      const dying = await connected({ will: { topic, payload: Buffer.from('{}'), qos: 1, retain: false } });
      dying.stream.destroy();
    }
    await expect.poll(() => topics, { interval: 5 }).toEqual(['last/words']);
    expect(await settled(listener, topics)).toEqual(['last/words']);
  });
});

describe('a subscription', () => {
  it('to more than eight filters in one packet closes the connection (AWS general reference, AWS IoT Core quotas)', async () => {
    const filters = (length: number) => Array.from({ length }, (_, index) => `filter/${index}`);
    const client = await connected();
    expect(await closes(client, () => client.subscribeAsync(filters(8)))).toBe(false);
    expect(await closes(client, () => client.subscribeAsync(filters(9)))).toBe(true);
  });

  it('beyond fifty of a connection is refused, and the connection stays (AWS general reference, AWS IoT Core quotas)', async () => {
    const client = await connected();
    const codes: number[] = [];
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'suback') codes.push(...packet.granted.map(Number));
    });
    for (let index = 0; index < 51; index += 1) {
      await client.subscribeAsync(`one/${index}`, { qos: 1 }).catch(() => undefined);
    }
    expect(codes).toEqual([...Array.from({ length: 50 }, () => 1), 0x80]);
    expect(await closes(client, () => client.publishAsync('a', '', { qos: 1 }))).toBe(false);
  });

  it('at QoS 2 is not taken (AWS IoT developer guide, MQTT)', async () => {
    const client = await connected();
    expect(await closes(client, () => client.subscribeAsync('a', { qos: 2 }))).toBe(true);
  });

  it('to sensor/# does not bring sensor (AWS IoT developer guide, MQTT, differences)', async () => {
    const client = await connected();
    const topics = topicsOf(client);
    await client.subscribeAsync('sensor/#');
    for (const topic of ['sensor', 'sensor/1', 'sensor/1/2']) await client.publishAsync(topic, '', { qos: 1 });
    expect(await settled(client, topics)).toEqual(['sensor/1', 'sensor/1/2']);
  });

  it('to # does not bring the topics of AWS (MQTT 3.1.1, 4.7.2)', async () => {
    const thing = await lab.thing();
    const client = await connected();
    const topics = topicsOf(client);
    await client.subscribeAsync(['#', '+/things/#']);
    await lab.createJob('unheard', thing);
    expect(await settled(client, topics)).toEqual([]);
  });

  it('with an empty level is granted, as AWS’s clients make it (aws-iot-device-sdk, service test)', async () => {
    const client = await connected();
    const [granted] = await client.subscribeAsync('$aws/things/pi/jobs//update/accepted', { qos: 1 });
    expect(granted?.qos).toBe(1);
  });
});

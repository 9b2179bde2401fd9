import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { CreateJobCommand, IoTClient, ListThingPrincipalsCommand, UpdateCertificateCommand } from '@aws-sdk/client-iot';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Simulator, type SimulatorAddresses } from '../../../src/simulator/simulator.ts';

/** What AWS's own client does not show: who receives what, and in which order (docs/protocol.md, Delivery). */
let directory: string;
let simulator: Simulator;
let addresses: SimulatorAddresses;
let clients: MqttClient[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'broker-'));
  simulator = new Simulator({ dataDirectory: directory });
  addresses = await simulator.start();
  await simulator.addThing('pi');
  await simulator.addThing('other');
  clients = [];
});

afterEach(async () => {
  for (const client of clients) await client.endAsync(true);
  await simulator.stop();
  rmSync(directory, { recursive: true });
});

const pem = (name: string, file: string) => readFileSync(join(directory, 'things', name, file));

/** A connected client and all that it receives, acknowledgements included. */
async function client(
  name: string,
): Promise<{ mqtt: MqttClient; received: [topic: string, message: unknown][]; order: string[] }> {
  const received: [string, unknown][] = [];
  const order: string[] = [];
  const mqtt = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: addresses.mqttPort,
    ca: readFileSync(addresses.caPath),
    cert: pem(name, 'certificate.pem'),
    key: pem(name, 'private.key'),
    clientId: name,
    reconnectPeriod: 0,
  });
  clients.push(mqtt);
  mqtt.on('packetreceive', (packet) => order.push(packet.cmd === 'publish' ? packet.topic : packet.cmd));
  mqtt.on('message', (topic, payload) => received.push([topic, JSON.parse(payload.toString() || 'null') as unknown]));
  return { mqtt, received, order };
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

describe('an answer', () => {
  it('goes to the requester alone, subscribed or not, after its PUBACK', async () => {
    const pi = await client('pi');
    const other = await client('other');
    await other.mqtt.subscribeAsync(`${base}/#`);
    await pi.mqtt.publishAsync(`${base}/get`, '{"clientToken":"t"}', { qos: 1 });
    await expect.poll(() => pi.received).toHaveLength(1);
    expect(pi.received[0]).toEqual([
      `${base}/get/accepted`,
      { clientToken: 't', timestamp: expect.any(Number), inProgressJobs: [], queuedJobs: [] },
    ]);
    expect(pi.order).toEqual(['puback', `${base}/get/accepted`]);
    await other.mqtt.publishAsync(`${base}/get`, '', { qos: 1 });
    await expect.poll(() => other.received.map(([topic]) => topic)).toContain(`${base}/get/accepted`);
    expect(other.received.filter(([topic]) => topic === `${base}/get/accepted`)).toHaveLength(1);
    expect(pi.received).toHaveLength(1);
  });

  it('comes once to a requester with several matching subscriptions', async () => {
    const pi = await client('pi');
    await pi.mqtt.subscribeAsync([`${base}/get/+`, `${base}/get/accepted`, `${base}/#`], { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/get`, '', { qos: 1 });
    await pi.mqtt.publishAsync(`${base}/start-next`, '', { qos: 1 });
    await expect.poll(() => pi.received.map(([topic]) => topic)).toContain(`${base}/start-next/accepted`);
    expect(pi.received.filter(([topic]) => topic === `${base}/get/accepted`)).toHaveLength(1);
  });

  it.each([
    ['get', 'no json', 'InvalidJson'],
    ['get', '[]', 'InvalidJson'],
    ['j/x/y', '{"clientToken":"t"}', 'InvalidTopic'],
    ['j/get', '{"clientToken":"t"}', 'ResourceNotFound'],
    ['$next/update', '{"clientToken":"t","status":"SUCCEEDED"}', 'InvalidRequest'],
    ['j/update', '{"clientToken":"t"}', 'InvalidRequest'],
  ])('to %s with %s is the rejection %s', async (operation, payload, code) => {
    const pi = await client('pi');
    await pi.mqtt.publishAsync(`${base}/${operation}`, payload, { qos: 1 });
    await expect.poll(() => pi.received).toHaveLength(1);
    const token = payload.includes('clientToken') ? { clientToken: 't' } : {};
    expect(pi.received[0]).toEqual([
      `${base}/${operation}/rejected`,
      { code, message: expect.any(String), timestamp: expect.any(Number), ...token },
    ]);
  });
});

it('a terminal report is followed by update/accepted, notify and notify-next, in that order and with just their fields', async () => {
  await createJob('a');
  await createJob('b');
  const pi = await client('pi');
  await pi.mqtt.subscribeAsync([`${base}/notify`, `${base}/notify-next`]);
  pi.order.length = 0;
  await pi.mqtt.publishAsync(`${base}/a/update`, '{"status":"SUCCEEDED","clientToken":"t"}', { qos: 1 });
  await expect.poll(() => pi.received).toHaveLength(3);
  expect(pi.order).toEqual(['puback', `${base}/a/update/accepted`, `${base}/notify`, `${base}/notify-next`]);
  const seconds = expect.any(Number);
  const summary = { jobId: 'b', queuedAt: seconds, lastUpdatedAt: seconds, executionNumber: 1, versionNumber: 1 };
  expect(pi.received.map(([, message]) => message)).toEqual([
    { clientToken: 't', timestamp: seconds },
    { timestamp: seconds, jobs: { QUEUED: [summary] } },
    { timestamp: seconds, execution: { ...summary, status: 'QUEUED', jobDocument: { a: 1 } } },
  ]);
});

describe('the door', () => {
  const tls = (options: object) =>
    connectTls({ host: '127.0.0.1', port: addresses.mqttPort, ca: readFileSync(addresses.caPath), ...options });

  it('closes without a CONNACK on a certificate that is not active', async () => {
    const { principals } = await iot().send(new ListThingPrincipalsCommand({ thingName: 'pi' }));
    const certificateId = principals?.[0]?.split('/').at(-1);
    await iot().send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }));
    const socket = tls({ cert: pem('pi', 'certificate.pem'), key: pem('pi', 'private.key') });
    await new Promise<void>((resolve) => socket.on('error', () => socket.destroy()).once('close', () => resolve()));
    await iot().send(new UpdateCertificateCommand({ certificateId, newStatus: 'ACTIVE' }));
    await expect(client('pi')).resolves.toBeDefined();
  });

  it('closes without a word on a client that has no certificate', async () => {
    const socket = tls({});
    const closed = new Promise<boolean>((resolve) =>
      socket.on('error', () => resolve(true)).on('close', () => resolve(true)),
    );
    expect(await closed).toBe(true);
    expect(socket.bytesRead).toBeLessThan(10_000);
  });

  it.each([
    [['x-amzn-mqtt-ca'], 'x-amzn-mqtt-ca'],
    [['http/1.1', 'x-amzn-mqtt-ca'], 'x-amzn-mqtt-ca'],
    [['mqtt'], 'mqtt'],
  ])('selects from the protocols %j: %s', async (ALPNProtocols, selected) => {
    const socket = tls({ ALPNProtocols, cert: pem('pi', 'certificate.pem'), key: pem('pi', 'private.key') });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    expect(socket.alpnProtocol).toBe(selected);
    socket.destroy();
  });

  it('does not hold up a stop, however many stand in it', async () => {
    await client('pi');
    const stalled = connectTcp(addresses.mqttPort, '127.0.0.1');
    stalled.on('error', () => stalled.destroy());
    await new Promise<void>((resolve) => stalled.once('connect', resolve));
    const closed = new Promise<void>((resolve) => stalled.once('close', () => resolve()));
    await simulator.stop();
    stalled.destroy();
    await closed;
  });
});

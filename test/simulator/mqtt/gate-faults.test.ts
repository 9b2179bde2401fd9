import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALLOW_ALL, GateLab, type Identity, type RawClient } from './gate-lab.ts';

/** Faults on order, as a device at the broker meets them. */
const lab = new GateLab();
const base = '$aws/things/pi/jobs';
const accepted = `${base}/get/accepted`;
let identity: Identity;
let pi: RawClient;

beforeAll(async () => {
  await lab.start();
  identity = await lab.identity('pi', ALLOW_ALL);
});
beforeEach(async () => {
  pi = await lab.connect(identity, 'pi');
  lab.log.clear();
});
afterEach(() => lab.reset());
afterAll(() => lab.stop());

const get = (token = 't', client = pi) => client.publish(`${base}/get`, JSON.stringify({ clientToken: token }));
const tokens = () =>
  pi.messages.flatMap(([topic, payload]) =>
    topic === accepted ? [(JSON.parse(payload) as { clientToken: string }).clientToken] : [],
  );
const logged = () =>
  lab.log
    .list()
    .flatMap((entry) => ('topic' in entry ? [[entry.direction, entry.topic.slice(base.length), entry.fault]] : []));

describe('on the way in', () => {
  it('drop: no PUBACK and no answer', async () => {
    lab.faults.add({ kind: 'drop', direction: 'in', topic: `${base}/get` });
    get('lost');
    await pi.settled();
    expect(pi.order).toEqual(['pingresp', 'pingresp']);
    get('found');
    await expect.poll(tokens).toEqual(['found']);
    expect(logged()).toEqual([
      ['in', '/get', 'drop'],
      ['in', '/get', undefined],
      ['out', '/get/accepted', undefined],
    ]);
  });

  it('delay: PUBACK and answer come later, and later messages overtake it', async () => {
    lab.faults.add({ kind: 'delay', direction: 'in', ms: 60_000 });
    get('first');
    get('second');
    await expect.poll(tokens).toEqual(['second']);
    lab.clock.advance(59_999);
    await pi.settled();
    expect(tokens()).toEqual(['second']);
    lab.clock.advance(1);
    await expect.poll(tokens).toEqual(['second', 'first']);
    expect(pi.order.filter((one) => one === 'puback')).toHaveLength(2);
  });

  it('duplicate: the service hears it twice, and its sender has one PUBACK', async () => {
    lab.faults.add({ kind: 'duplicate', direction: 'in' });
    get();
    await expect.poll(() => pi.order).toEqual(['puback', accepted, accepted]);
  });

  it('reorder: the next one goes first', async () => {
    lab.faults.add({ kind: 'reorder', direction: 'in', topic: `${base}/#` });
    get('first');
    get('second');
    await expect.poll(tokens).toEqual(['second', 'first']);
  });

  it('cut before: the service never hears of it', async () => {
    lab.account.jobs.jobs.create('cut-before', {
      targets: ['arn:aws:iot:us-east-1:123456789012:thing/pi'],
      document: '{}',
    });
    lab.faults.add({ kind: 'cut', direction: 'in', topic: `${base}/start-next` });
    pi.publish(`${base}/start-next`, '{}');
    await pi.closed;
    expect(pi.order).toEqual([]);
    expect(lab.account.jobs.devices.getPending('pi')).toMatchObject({ queuedJobs: [{ jobId: 'cut-before' }] });
  });

  it('cut after: the service has done it, and the device knows neither', async () => {
    lab.faults.add({ kind: 'cut', direction: 'in', topic: `${base}/start-next`, when: 'after' });
    pi.publish(`${base}/start-next`, '{}');
    await pi.closed;
    expect(pi.order).toEqual([]);
    expect(lab.account.jobs.devices.getPending('pi')).toMatchObject({ inProgressJobs: [{ jobId: 'cut-before' }] });
    lab.account.jobs.devices.update('pi', 'cut-before', { status: 'SUCCEEDED' });
  });

  it('cut after, of an ordinary message at QoS 0: others get it', async () => {
    const other = await lab.connect(identity, 'other');
    await other.subscribe('news');
    lab.faults.add({ kind: 'cut', direction: 'in', client: 'pi', when: 'after' });
    pi.publish('news', '1', { qos: 0 });
    await pi.closed;
    await expect.poll(() => other.messages).toEqual([['news', '1']]);
  });

  it('wrong cannot be ordered; a message of another client passes', async () => {
    expect(() => lab.faults.add({ kind: 'wrong', direction: 'in', payload: 1 })).toThrow(/direction/);
    lab.faults.add({ kind: 'drop', client: 'other' });
    get();
    await expect.poll(tokens).toEqual(['t']);
  });
});

describe('on the way out', () => {
  it('never: PUBACK, and no answer', async () => {
    lab.faults.add({ kind: 'never' });
    get();
    await pi.settled();
    expect(pi.order).toEqual(['puback', 'pingresp', 'pingresp']);
  });

  it('late: the answer comes when the time has come', async () => {
    lab.faults.add({ kind: 'late', ms: 5_000 });
    get();
    await pi.settled();
    expect(tokens()).toEqual([]);
    lab.clock.advance(5_000);
    await expect.poll(tokens).toEqual(['t']);
  });

  it.each([
    [{ code: 'Nonsense' }, '{"code":"Nonsense"}'],
    ['{ no json', '{ no json'],
    [null, ''],
  ])('wrong %j: sent in the place of the answer', async (payload, sent) => {
    lab.faults.add({ kind: 'wrong', payload, topic: accepted });
    await pi.subscribe(accepted);
    get();
    await expect.poll(() => pi.messages).toEqual([[accepted, sent]]);
    expect(await pi.next('publish')).toMatchObject({ qos: 1, messageId: expect.any(Number) });
  });

  it('reorder: an answer waits for the next message, and is not lost when there is none', async () => {
    lab.faults.add({ kind: 'reorder', direction: 'out', topic: accepted, times: 2, ms: 3_000 });
    get('first');
    get('second');
    await expect.poll(tokens).toEqual(['second', 'first']);
    get('third');
    await pi.settled();
    lab.clock.advance(3_000);
    await expect.poll(tokens).toEqual(['second', 'first', 'third']);
  });

  it('duplicate at QoS 1: another packet id, no DUP, and both acknowledgements are welcome', async () => {
    await pi.subscribe('news');
    lab.faults.add({ kind: 'duplicate', topic: 'news', copies: 2 });
    lab.broker.publish('news', { a: 1 });
    await expect.poll(() => pi.topics).toEqual(['news', 'news', 'news']);
    const publishes = pi.received.filter((packet) => packet.cmd === 'publish');
    expect(publishes).toEqual(publishes.map(() => expect.objectContaining({ qos: 1, dup: false })));
    expect(new Set(publishes.map(({ messageId }) => messageId)).size).toBe(3);
    for (const { messageId } of publishes) pi.send({ cmd: 'puback', messageId: messageId ?? 0 });
    await pi.settled();
  });

  it('drop at QoS 1: gone for good, from a persistent session too; what was cut off before comes again', async () => {
    await pi.destroy();
    pi = await lab.connect(identity, 'keeper', { clean: false });
    await pi.subscribe('news');
    lab.faults.add({ kind: 'drop', topic: 'news' });
    lab.broker.publish('news', { a: 1 });
    await expect.poll(() => lab.faults.list()).toMatchObject([{ hits: 1 }]);
    await pi.settled();
    lab.faults.add({ kind: 'cut', topic: 'news' });
    lab.broker.publish('news', { a: 2 });
    await pi.closed;
    expect(pi.messages).toEqual([]);
    pi = await lab.connect(identity, 'keeper', { clean: false });
    lab.broker.publish('news', { a: 3 });
    await expect.poll(() => pi.messages.map(([, payload]) => payload)).toEqual(['{"a":2}', '{"a":3}']);
  });

  it('cut after: the message still arrives', async () => {
    lab.faults.add({ kind: 'cut', topic: accepted, when: 'after' });
    get();
    await pi.closed;
    expect(pi.order).toEqual(['puback', accepted]);
  });
});

describe('refuse', () => {
  it('everybody for a time: closed without a word', async () => {
    lab.faults.add({ kind: 'refuse', ms: 1_000 });
    const refused = await lab.dial(identity);
    await refused.closed;
    expect(refused.received).toEqual([]);
    expect(pi.isClosed).toBe(false);
    lab.clock.advance(1_000);
    await lab.connect(identity, 'other');
  });

  it('a client so many times: CONNACK 3', async () => {
    lab.faults.add({ kind: 'refuse', client: 'one', times: 1 });
    const refused = await lab.dial(identity);
    refused.connect('one');
    expect(await refused.next('connack')).toMatchObject({ returnCode: 3 });
    await lab.connect(identity, 'two');
    await lab.connect(identity, 'one');
  });
});

it('failNext: the operation answers with that code', async () => {
  lab.faults.add({ kind: 'failNext', operation: 'GetPendingJobExecutions', code: 'RequestThrottled' });
  get();
  await expect.poll(() => pi.messages).toEqual([[`${base}/get/rejected`, expect.stringContaining('RequestThrottled')]]);
});

it('a published client lives with duplicates and late answers', async () => {
  const { cert, key } = identity;
  const mqtt: MqttClient = await connectAsync({
    ...{ protocol: 'mqtts', host: '127.0.0.1', port: lab.port, ca: lab.ca, cert, key, clientId: 'js' },
    reconnectPeriod: 0,
  });
  try {
    const topics: string[] = [];
    mqtt.on('message', (topic) => topics.push(topic));
    await mqtt.subscribeAsync(`${base}/get/+`, { qos: 1 });
    lab.faults.add({ kind: 'duplicate', client: 'js', direction: 'in' });
    lab.faults.add({ kind: 'duplicate', client: 'js', direction: 'out' });
    await mqtt.publishAsync(`${base}/get`, '{}', { qos: 1 });
    await expect.poll(() => topics).toEqual([accepted, accepted, accepted]);
    await mqtt.publishAsync(`${base}/get`, '{}', { qos: 1 });
    await expect.poll(() => topics).toHaveLength(4);
  } finally {
    await mqtt.endAsync(true);
  }
});

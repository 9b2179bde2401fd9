import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALLOW_ALL, ARN, GateLab, type Identity } from './gate-lab.ts';

/** What a client does wrong costs its own connection, and no other. */
const lab = new GateLab();
const base = '$aws/things/pi/jobs';
let pi: Identity;

beforeAll(async () => {
  await lab.start();
  pi = await lab.identity('pi', ALLOW_ALL);
});
afterEach(() => lab.reset());
afterAll(() => lab.stop());

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

it.each([
  ['garbage', 'deadbeef deadbeef'],
  ['HTTP', Buffer.from(`GET / HTTP/1.1\r\n${'Header: value\r\n'.repeat(9)}\r\n`).toString('hex')],
  ['a packet length of five bytes', '30 ffffffff01'],
  ['a packet of 256 MiB', '30 ffffff7f'],
  ['a PUBLISH whose topic is longer than it', '30 05 00ff 616263'],
  ['a PUBLISH with both QoS bits', '36 05 0001 61 0001'],
  ['a PUBLISH with a null in its topic', '30 03 0001 00'],
  ['a SUBSCRIBE without filters', '82 02 0001'],
  ['a SUBSCRIBE that ends in its filter', '82 06 0001 0009 6161'],
  ['an UNSUBSCRIBE from nothing', 'a2 02 0001'],
  ['an UNSUBSCRIBE from what is no filter', 'a2 07 0001 0003 612362'],
  ['a PUBLISH at QoS 1 with the packet id 0', '32 05 0001 61 0000'],
  ['a PUBACK without an id', '40 00'],
  ['a PUBREL', '62 02 0001'],
  ['a CONNACK', '20 02 0000'],
])('%s closes its connection', async (_, bytes) => {
  const other = await lab.connect(pi, 'other');
  const [before, after] = [await lab.dial(pi), await lab.connect(pi, 'bad')];
  for (const client of [before, after]) client.socket.write(hex(bytes));
  await Promise.all([before.closed, after.closed]);
  await other.settled();
});

it('any bytes at all close at most their own connection, and nothing goes wrong inside', async () => {
  const other = await lab.connect(pi, 'other');
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.uint8Array({ minLength: 1, maxLength: 60 }), async (connects, bytes) => {
      const client = connects ? await lab.connect(pi, 'fuzz') : await lab.dial(pi);
      client.socket.write(Buffer.from(bytes));
      client.socket.end();
      await client.closed;
    }),
    { numRuns: 40 },
  );
  await other.settled();
  expect(lab.errors).toEqual([]);
});

it('packets in pieces, and many in one, are handled in order', async () => {
  const client = await lab.dial(pi);
  const written: Buffer[] = [];
  const { socket } = client;
  const write = socket.write.bind(socket);
  socket.write = ((bytes: Buffer) => written.push(bytes)) as never;
  client.connect('pieces');
  client.subscribe(`${base}/get/accepted`, 'a').catch(() => undefined);
  client.publish('a', '1');
  client.publish(`${base}/get`, '{}');
  client.send({ cmd: 'pingreq' });
  socket.write = write;
  const bytes = Buffer.concat(written);
  socket.write(bytes.subarray(0, 20));
  socket.write(bytes.subarray(20));
  await expect.poll(() => client.topics).toHaveLength(2);
  expect(client.received.slice(0, 2).map(({ cmd }) => cmd)).toEqual(['connack', 'suback']);
  expect(client.topics.toSorted()).toEqual([`${base}/get/accepted`, 'a']);
  await client.next('pingresp');
});

describe('a client that never reads', () => {
  it('of what others publish: is cut off, with little kept for it, and others go on', async () => {
    const stuck = await lab.connect(pi, 'stuck');
    const reader = await lab.connect(pi, 'reader');
    await stuck.subscribe(['flood', 0]);
    await reader.subscribe(['flood', 0]);
    stuck.socket.pause();
    const payload = { filler: 'x'.repeat(64 * 1024) };
    let published = 0;
    while (published < 1_000 && !lab.log.list({ client: 'stuck' }).some((entry) => 'reason' in entry)) {
      lab.broker.publish('flood', payload);
      published += 1;
      await expect.poll(() => reader.messages.length, { interval: 1 }).toBe(published);
    }
    expect(published).toBeLessThan(1_000);
    expect(lab.log.list({ client: 'stuck' }).at(-1)).toMatchObject({
      reason: 'the client does not read what it is sent',
    });
    await reader.settled();
    await stuck.destroy();
  });

  it('of its own answers: is not read from any more, and costs nobody else anything', async () => {
    const stuck = await lab.connect(pi, 'stuck');
    stuck.socket.pause();
    const request = `{"clientToken":"${'x'.repeat(64)}"}`;
    let written = 0;
    while (written < 200_000 && !stuck.isClosed) {
      stuck.publish(`${base}/get`, request);
      written += 1;
      if (written % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (stuck.socket.writableLength > 1024 * 1024) break;
    }
    // Its requests pile up at its own end.
    expect(stuck.isClosed || stuck.socket.writableLength > 1024 * 1024).toBe(true);
    const other = await lab.connect(pi, 'other');
    other.publish(`${base}/get`, '{}');
    await expect.poll(() => other.topics).toEqual([`${base}/get/accepted`]);
    await stuck.destroy();
  });
});

it('a client that is gone before its answer costs nothing', async () => {
  for (let count = 0; count < 20; count += 1) {
    const client = await lab.connect(pi, 'brief');
    client.publish(`${base}/get`, '{}');
    client.socket.destroy();
    await client.closed;
  }
  const client = await lab.connect(pi, 'brief');
  await client.settled();
});

describe('requests that come in one piece', () => {
  it.each([
    ['clean', true],
    ['persistent', false],
  ])('are all answered and notified, in a %s session', async (name, clean) => {
    const thing = `pipelined-${name}`;
    const identity = await lab.identity(thing, ALLOW_ALL);
    const jobs = ['a', 'b', 'c'].map((job) => `${name}-${job}`);
    for (const jobId of jobs) {
      lab.account.jobs.jobs.create(jobId, { targets: [`${ARN}:thing/${thing}`], document: '{}' });
    }
    lab.account.jobs.flushNotifications();
    const client = await lab.connect(identity, thing, { clean });
    const base = `$aws/things/${thing}/jobs`;
    await client.subscribe(`${base}/#`);
    const update = (jobId: string, messageId: number) =>
      generate({
        ...{ cmd: 'publish', qos: 1, retain: false, dup: false, messageId },
        topic: `${base}/${jobId}/update`,
        payload: '{"status":"SUCCEEDED"}',
      });
    client.socket.write(Buffer.concat(jobs.map((jobId, index) => update(jobId, index + 1))));
    await expect.poll(() => client.topics.length).toBe(9);
    expect(client.topics.filter((topic) => topic.endsWith('/accepted'))).toHaveLength(3);
    const notified = ['notify', 'notify-next'].map((one) => `${base}/${one}`);
    expect(client.topics.filter((topic) => notified.includes(topic))).toEqual([...notified, ...notified, ...notified]);
    expect(client.isClosed).toBe(false);
  });
});

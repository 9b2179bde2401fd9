import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { clampKeepAlive } from '../../../src/simulator/mqtt/connection-limits.ts';
import { ALLOW_ALL, GateLab, type Identity } from './gate-lab.ts';

/** Real time: on fake timers each look makes them go on by the interval. */
const PATIENCE = { interval: 1, timeout: 20_000 };

/** Limits of AWS IoT Core (AWS general reference, "message broker and protocol limits"; developer guide, "MQTT"). */
const lab = new GateLab();
let pi: Identity;

beforeAll(async () => {
  await lab.start();
  pi = await lab.identity('pi', ALLOW_ALL);
});
afterEach(() => lab.reset());
afterAll(() => lab.stop());

const reasons = () => lab.log.list().flatMap((entry) => ('reason' in entry ? [entry.reason] : []));

describe('CONNECT', () => {
  it.each([
    ['of 129 bytes', `${'é'.repeat(64)}x`],
    ['that begins with $', '$pi'],
  ])('with a client id %s is refused with identifier rejected', async (_, clientId) => {
    const client = await lab.dial(pi);
    client.connect(clientId);
    expect(await client.next('connack')).toMatchObject({ returnCode: 2 });
    await client.closed;
  });

  it('with a client id of 128 bytes is accepted', async () => {
    await expect(lab.connect(pi, 'é'.repeat(64))).resolves.toBeDefined();
  });

  it('without a client id gets one for a clean session, and is refused for a persistent one (MQTT-3.1.3-8)', async () => {
    await lab.connect(pi, '');
    await expect
      .poll(() => lab.log.list())
      .toEqual([expect.objectContaining({ client: expect.stringMatching(/^.{36}$/) })]);
    const persistent = await lab.dial(pi);
    persistent.socket.write(Buffer.from('100c00044d5154540400003c0000', 'hex'));
    expect(await persistent.next('connack')).toMatchObject({ returnCode: 2 });
  });

  it('of MQTT 5 is refused with unacceptable protocol version', async () => {
    const client = await lab.dial(pi);
    client.socket.write(Buffer.from('100f00044d5154540502003c0000027069', 'hex'));
    expect(await client.next('connack')).toMatchObject({ returnCode: 1 });
    await client.closed;
  });

  it('twice on one connection, or anything before it, closes (MQTT-3.1.0-1, MQTT-3.1.0-2)', async () => {
    const twice = await lab.connect(pi, 'pi');
    twice.connect('pi');
    const early = await lab.dial(pi);
    early.publish('a');
    await Promise.all([twice.closed, early.closed]);
  });

  it.each([
    [0, 1200],
    [1201, 1200],
    [1, 30],
    [29, 30],
    [30, 30],
    [1200, 1200],
  ])('with a keep-alive of %i s has one of %i s', (asked, kept) => expect(clampKeepAlive(asked)).toBe(kept));

  it('closes after one and a half times the keep-alive without a packet, whatever went to whom', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const client = await lab.dial(pi);
      client.connect('pi', { keepalive: 5 });
      await vi.waitUntil(() => client.received.length === 1, PATIENCE);
      await vi.advanceTimersByTimeAsync(40_000);
      client.publish('$aws/things/pi/jobs/get');
      await vi.waitUntil(() => client.order.length === 2, PATIENCE);
      await vi.advanceTimersByTimeAsync(40_000);
      expect(reasons()).toEqual([]);
      await vi.advanceTimersByTimeAsync(6_000);
      expect(reasons()).toEqual(['keep-alive']);
      await client.closed;
    } finally {
      vi.useRealTimers();
    }
  });

  it('displaces the client that has the same id', async () => {
    const first = await lab.connect(pi, 'pi');
    await first.subscribe('a');
    const second = await lab.connect(pi, 'pi');
    await first.closed;
    await second.subscribe('a');
    second.publish('a', '1');
    await second.settled();
    expect(second.messages).toEqual([['a', '1']]);
    const third = await lab.connect(pi, 'pi');
    await second.closed;
    expect(third.isClosed).toBe(false);
    expect(reasons()).toEqual(Array(2).fill('another connection has its client id'));
  });
});

describe('a will', () => {
  it.each([
    ['on an ordinary topic is published', 'gone', [['gone', 'bye']]],
    ['on a topic of AWS is ignored', '$aws/things/pi/jobs/get', []],
  ])('%s', async (_, topic, expected) => {
    const watcher = await lab.connect(pi, 'watcher');
    await watcher.subscribe('gone', '$aws/#');
    const client = await lab.connect(pi, 'pi', { will: { topic, payload: Buffer.from('bye'), qos: 0, retain: false } });
    await client.destroy();
    await expect.poll(reasons).toEqual(['the connection is lost']);
    const other = await lab.connect(pi, 'pi');
    other.publish('gone', 'later');
    await expect.poll(() => watcher.messages).toEqual([...expected, ['gone', 'later']]);
  });

  it.each([
    ['with a wildcard', 'a/#', 0],
    ['at QoS 2', 'a', 2],
  ] as const)('%s refuses the connection', async (_, topic, qos) => {
    const client = await lab.dial(pi);
    client.connect('pi', { will: { topic, payload: Buffer.from(''), qos, retain: false } });
    expect(await client.next('connack')).toMatchObject({ returnCode: 2 });
  });

  it('is not published after a DISCONNECT', async () => {
    const watcher = await lab.connect(pi, 'watcher');
    await watcher.subscribe('gone');
    const client = await lab.connect(pi, 'pi', {
      will: { topic: 'gone', payload: Buffer.from(''), qos: 0, retain: false },
    });
    client.send({ cmd: 'disconnect' });
    await client.closed;
    watcher.publish('gone', 'later');
    await expect.poll(() => watcher.messages).toEqual([['gone', 'later']]);
  });
});

describe('PUBLISH', () => {
  const rule = (slashes: number) =>
    `$aws/rules/name/${Array(slashes + 1)
      .fill('a')
      .join('/')}`;

  it.each([
    ['at QoS 2', 'a', '', 2],
    ['of more than 128 KiB', 'a', 'x'.repeat(128 * 1024 + 1), 1],
    ['on a topic of 257 bytes', `${'é'.repeat(128)}x`, '', 1],
    ['on a topic with 8 slashes', 'a/b/c/d/e/f/g/h/i', '', 1],
    ['on a topic with 8 slashes behind $aws/rules/<name>/', rule(8), '', 1],
    ['on a topic with #', 'a/#', '', 1],
    ['on a topic with +', 'a/+', '', 1],
    ['on an empty topic', '', '', 1],
  ] as const)('%s closes the connection, unacknowledged', async (_, topic, payload, qos) => {
    const client = await lab.connect(pi, 'pi');
    client.publish(topic, payload, { qos });
    await client.closed;
    expect(client.order).toEqual([]);
    expect(reasons()).toHaveLength(1);
  });

  it.each([
    ['of 128 KiB', 'a', 'x'.repeat(128 * 1024)],
    ['on a topic of 256 bytes', 'é'.repeat(128), ''],
    ['on a topic with 7 slashes', 'a/b/c/d/e/f/g/h', ''],
    ['on a topic with 7 slashes behind $aws/rules/<name>/', rule(7), ''],
  ])('%s is acknowledged', async (_, topic, payload) => {
    const client = await lab.connect(pi, 'pi');
    client.publish(topic, payload);
    await client.next('puback');
  });

  it('with retain on a topic of AWS is acknowledged and ignored', async () => {
    const client = await lab.connect(pi, 'pi');
    await client.subscribe('$aws/things/pi/jobs/get/accepted');
    client.publish('$aws/things/pi/jobs/get', '{}', { retain: true });
    await client.settled();
    expect(client.order).toEqual(['suback', 'puback', 'pingresp', 'pingresp']);
    await client.subscribe('$aws/things/pi/jobs/get');
    await client.settled();
    expect(client.messages).toEqual([]);
  });

  it('with retain on an ordinary topic is kept for its subscribers, not for those with a wildcard', async () => {
    const client = await lab.connect(pi, 'pi');
    client.publish('kept', 'old', { retain: true });
    await client.next('puback');
    await client.subscribe('+', 'kept/#');
    await client.settled();
    expect(client.messages).toEqual([]);
    await client.subscribe('kept');
    await expect.poll(() => client.messages).toEqual([['kept', 'old']]);
    client.publish('kept', '', { retain: true });
    await client.settled();
  });

  it.each([
    'get',
    'notify',
    'notify-next',
    'get/accepted',
    'j/update/rejected',
  ])('on …/jobs/%s reaches no other client', async (end) => {
    const client = await lab.connect(pi, 'pi');
    const other = await lab.connect(pi, 'other');
    await other.subscribe('$aws/things/pi/jobs/#', `$aws/things/pi/jobs/${end}`);
    client.publish(`$aws/things/pi/jobs/${end}`, '{}');
    await client.next('puback');
    client.publish('a');
    await client.settled();
    await other.settled();
    expect(other.messages).toEqual([]);
  });
});

describe('SUBSCRIBE', () => {
  it.each([
    ['to 9 filters', Array.from({ length: 9 }, (_, at) => `a${at}`)],
    ['to a filter of 257 bytes', [`${'é'.repeat(128)}x`]],
    ['to a filter with 8 slashes', ['a/b/c/d/e/f/g/h/#']],
    ['at QoS 2', [['a', 2]]],
    ['with # before the end', ['a/#/b']],
    ['with a + that is not a whole level', ['a/+b']],
    ['to an empty filter', ['']],
  ] as const)('%s closes the connection, unacknowledged', async (_, filters) => {
    const client = await lab.connect(pi, 'pi');
    client.subscribe(...filters).catch(() => undefined);
    await client.closed;
    expect(client.order).toEqual([]);
    expect(reasons()).toHaveLength(1);
  });

  it('to 8 filters is granted at the QoS asked for, one code for each, repeated ones too', async () => {
    const client = await lab.connect(pi, 'pi');
    const filters = ['a', 'b/+', 'c/#', '+/d', '#', '$aws/things/pi/jobs//update/accepted', ['e', 0], 'a'] as const;
    expect(await client.subscribe(...filters)).toEqual([1, 1, 1, 1, 1, 1, 0, 1]);
  });

  it('grants 50 subscriptions of a connection, refuses further ones alone, and frees what is unsubscribed', async () => {
    const client = await lab.connect(pi, 'pi');
    for (let packet = 0; packet < 6; packet += 1) {
      expect(await client.subscribe(...Array.from({ length: 8 }, (_, at) => `t/${packet}/${at}`))).toEqual(
        Array(8).fill(1),
      );
    }
    expect(await client.subscribe('t/48', 't/49', 't/50', 't/0/0')).toEqual([1, 1, 0x80, 1]);
    client.publish('t/50');
    client.publish('t/49');
    await client.settled();
    expect(client.topics).toEqual(['t/49']);
    client.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['t/49'] });
    await client.next('unsuback');
    expect(await client.subscribe('t/50', 't/51')).toEqual([1, 0x80]);
  });

  it.each([
    '$share/group/a',
    '$SYS/#',
    '$other',
  ])('to %s, which is not simulated, is refused with 0x80', async (filter) => {
    const client = await lab.connect(pi, 'pi');
    expect(await client.subscribe(filter, 'a')).toEqual([0x80, 1]);
  });

  it('to x/# does not bring x, nor the answer’s parent, and does bring x/ and x/y', async () => {
    const client = await lab.connect(pi, 'pi');
    await client.subscribe('x/#', 'p/+/#');
    for (const topic of ['x', 'p/q', 'x/', 'x/y', 'x/y/z', 'p/q/r']) client.publish(topic);
    await client.settled();
    expect(client.topics).toEqual(['x/', 'x/y', 'x/y/z', 'p/q/r']);
  });

  it('to # does not bring topics of AWS (MQTT-4.7.2-1)', async () => {
    const client = await lab.connect(pi, 'pi');
    await client.subscribe('#', '+/things/#');
    lab.broker.publish('$aws/things/pi/jobs/notify', {});
    lab.broker.publish('plain', {});
    await expect.poll(() => client.topics).toEqual(['plain']);
  });

  it('survives in a persistent session, and counts in it', async () => {
    const first = await lab.connect(pi, 'keeper', { clean: false });
    for (let packet = 0; packet < 6; packet += 1) {
      await first.subscribe(...Array.from({ length: 8 }, (_, at) => `k/${packet}/${at}`));
    }
    await first.destroy();
    const second = await lab.dial(pi);
    second.connect('keeper', { clean: false });
    expect(await second.next('connack')).toMatchObject({ sessionPresent: true });
    expect(await second.subscribe('k/48', 'k/49', 'k/50')).toEqual([1, 1, 0x80]);
    second.publish('k/0/0', '1');
    await expect.poll(() => second.messages).toEqual([['k/0/0', '1']]);
  });
});

describe('a certificate that is deactivated or deleted', () => {
  it('closes its connections, and no others', async () => {
    const { certificates } = lab.account.registry;
    const doomed = await lab.identity('doomed', ALLOW_ALL);
    const [one, two, other] = [
      await lab.connect(doomed, 'one'),
      await lab.dial(doomed),
      await lab.connect(pi, 'other'),
    ];
    certificates.update(doomed.id, 'INACTIVE');
    await Promise.all([one.closed, two.closed]);
    await other.settled();
    expect(reasons()).toEqual(Array(2).fill('its certificate is not active any more'));
  });
});

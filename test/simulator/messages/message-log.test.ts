import { beforeEach, describe, expect, it } from 'vitest';
import { type LogEntry, MessageLog } from '../../../src/simulator/messages/message-log.ts';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';

let clock: MovableClock;
beforeEach(() => {
  clock = new MovableClock({ source: () => Date.UTC(2026, 0, 5) });
});

const message = (topic: string, payload: string | Buffer = '{}', client = 'pi') =>
  ({ direction: 'in', client, topic, qos: 1, payload: Buffer.from(payload) }) as const;
const topics = (entries: readonly LogEntry[]) => entries.map((entry) => ('topic' in entry ? entry.topic : entry.event));

describe('an entry', () => {
  it.each([
    ['JSON', '{"a":[1]}', { payload: { a: [1] } }],
    ['a JSON string', '"x"', { payload: 'x' }],
    ['text', 'no json', { payload: 'no json' }],
    ['nothing', '', { payload: '' }],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0x00]), { payload: '/wA=', encoding: 'base64' }],
  ])('of %s tells it', (_, payload, expected) => {
    const log = new MessageLog({ clock });
    log.message(message('a', payload));
    expect(log.list()).toEqual([
      { seq: 1, time: '2026-01-05T00:00:00.000Z', direction: 'in', client: 'pi', topic: 'a', qos: 1, ...expected },
    ]);
  });

  it('has retain and the fault only if there is one', () => {
    const log = new MessageLog({ clock });
    log.message({ ...message('a'), retain: true, fault: 'drop' });
    log.message({ ...message('a'), retain: false, fault: undefined });
    expect(log.list()).toMatchObject([{ retain: true, fault: 'drop' }, {}]);
    expect(Object.keys(log.list()[1] ?? {})).toEqual(['seq', 'time', 'direction', 'client', 'topic', 'qos', 'payload']);
  });

  it('is a copy: what becomes of the buffer does not matter', () => {
    const log = new MessageLog({ clock });
    const payload = Buffer.from('before');
    log.message({ ...message('a'), payload });
    payload.fill('x');
    expect(log.list()).toMatchObject([{ payload: 'before' }]);
  });
});

describe('list', () => {
  it('finds by number, client and topic, and takes the newest', () => {
    const log = new MessageLog({ clock });
    for (const topic of ['$aws/a', '$aws/b', 'c']) log.message(message(topic));
    log.message(message('c', '{}', 'other'));
    log.event({ event: 'close', direction: 'out', client: 'pi', reason: 'why' });
    expect(topics(log.list())).toEqual(['$aws/a', '$aws/b', 'c', 'c', 'close']);
    expect(topics(log.list({ since: 3 }))).toEqual(['c', 'close']);
    expect(topics(log.list({ client: 'pi', limit: 2 }))).toEqual(['c', 'close']);
    expect(topics(log.list({ topic: '$aws/+' }))).toEqual(['$aws/a', '$aws/b']);
    expect(topics(log.list({ topic: '#', limit: 1 }))).toEqual(['c']);
    expect(log.list({ limit: 0 })).toEqual([]);
  });

  it('goes on counting after a clear', () => {
    const log = new MessageLog({ clock });
    log.message(message('a'));
    log.clear();
    expect(log.list()).toEqual([]);
    log.message(message('b'));
    expect(log.list()).toMatchObject([{ seq: 2 }]);
  });
});

describe('what is kept', () => {
  it('is bounded in number', () => {
    const log = new MessageLog({ clock, entries: 3 });
    for (let count = 0; count < 10; count += 1) log.message(message(`${count}`));
    expect(topics(log.list())).toEqual(['7', '8', '9']);
  });

  it('is bounded in bytes', () => {
    const log = new MessageLog({ clock, bytes: 1_000 });
    for (let count = 0; count < 10; count += 1) log.message(message(`${count}`, 'x'.repeat(300)));
    expect(topics(log.list())).toEqual(['7', '8', '9']);
    log.message(message('large', 'x'.repeat(2_000)));
    expect(log.list()).toEqual([]);
    log.message(message('small'));
    expect(topics(log.list())).toEqual(['small']);
  });
});

it('a listener is told of each entry until it leaves, also where nothing is kept', () => {
  const log = new MessageLog({ clock, entries: 0 });
  const heard: LogEntry[] = [];
  const leave = log.subscribe((entry) => heard.push(entry));
  log.message(message('a', '{"b":1}'));
  leave();
  log.message(message('c'));
  expect(heard).toEqual([expect.objectContaining({ topic: 'a', payload: { b: 1 } })]);
});

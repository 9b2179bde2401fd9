import { beforeEach, expect, it } from 'vitest';
import { FaultLine } from '../../../src/simulator/faults/fault-line.ts';
import { Faults } from '../../../src/simulator/faults/faults.ts';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';

let clock: MovableClock;
let faults: Faults;
let line: FaultLine<{ topic: string; payload: Buffer }>;
let seen: string[];

beforeEach(() => {
  clock = new MovableClock({ source: () => 0 });
  faults = new Faults({ clock });
  seen = [];
  const said = ({ topic, payload }: { topic: string; payload: Buffer }) => `${topic} ${payload}`;
  line = new FaultLine(faults, 'out', 'pi', {
    deliver: (message, fault) => seen.push([said(message), ...(fault ? [fault] : [])].join(' ')),
    lost: (message, fault) => seen.push(`lost ${said(message)} ${fault}`),
    cut: (message, when) => seen.push(`cut ${when} ${said(message)}`),
  });
});

const accept = (topic: string, payload = '') => line.accept({ topic, payload: Buffer.from(payload) });

it('without rules everything passes in order', () => {
  for (const payload of ['1', '2', '3']) accept('a', payload);
  expect(seen).toEqual(['a 1', 'a 2', 'a 3']);
});

it.each([
  [{ kind: 'drop' }, ['lost a/accepted 1 drop', 'a/accepted 2']],
  [{ kind: 'never' }, ['lost a/accepted 1 never', 'a/accepted 2']],
  [
    { kind: 'duplicate', copies: 2 },
    ['a/accepted 1', 'a/accepted 1 duplicate', 'a/accepted 1 duplicate', 'a/accepted 2'],
  ],
  [{ kind: 'wrong', payload: { b: 1 } }, ['a/accepted {"b":1} wrong', 'a/accepted 2']],
  [{ kind: 'wrong', payload: 'text' }, ['a/accepted text wrong', 'a/accepted 2']],
  [{ kind: 'wrong', payload: null }, ['a/accepted  wrong', 'a/accepted 2']],
  [{ kind: 'cut' }, ['lost a/accepted 1 cut', 'cut before a/accepted 1', 'a/accepted 2']],
  [{ kind: 'cut', when: 'after' }, ['a/accepted 1 cut', 'cut after a/accepted 1', 'a/accepted 2']],
  [{ kind: 'reorder' }, ['a/accepted 2', 'a/accepted 1 reorder']],
  [{ kind: 'delay', ms: 5 }, ['a/accepted 2', 'a/accepted 1 delay']],
  [{ kind: 'late', ms: 5 }, ['a/accepted 2', 'a/accepted 1 late']],
])('%j of two messages: %j', (rule, expected) => {
  faults.addUntyped(rule);
  accept('a/accepted', '1');
  accept('a/accepted', '2');
  clock.advance(5);
  expect(seen).toEqual(expected);
});

it('reorder waits for a message that matches too, and no longer than its time', () => {
  faults.add({ kind: 'reorder', topic: 'a/+' });
  accept('a/1');
  accept('b');
  expect(seen).toEqual(['b ']);
  clock.advance(999);
  expect(seen).toEqual(['b ']);
  clock.advance(1);
  accept('a/2');
  expect(seen).toEqual(['b ', 'a/1  reorder', 'a/2 ']);
});

it('however much is ordered to wait, only so much does', () => {
  faults.add({ kind: 'delay', ms: 5, times: 0 });
  for (let count = 0; count < 1_500; count += 1) accept('a');
  expect(seen).toHaveLength(500);
  clock.advance(5);
  expect(seen).toHaveLength(1_500);
});

it('what waits is lost with the connection, and is said to be', () => {
  faults.add({ kind: 'delay', ms: 5 });
  faults.add({ kind: 'reorder' });
  accept('a', '1');
  accept('a', '2');
  line.close();
  clock.advance(10_000);
  expect(seen).toEqual(['lost a 1 delay', 'lost a 2 reorder']);
});

it('what is held back goes on when all orders are cleared', () => {
  faults.add({ kind: 'delay', ms: 5_000 });
  faults.add({ kind: 'reorder', ms: 5_000 });
  accept('a', '1');
  accept('b', '2');
  faults.clear();
  accept('b', '3');
  clock.advance(10_000);
  expect(seen).toEqual(['a 1 delay', 'b 2 reorder', 'b 3']);
});

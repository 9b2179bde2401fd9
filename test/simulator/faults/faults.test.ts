import { describe, expect, it } from 'vitest';
import { Faults } from '../../../src/simulator/faults/faults.ts';
import { seededRandom } from '../../../src/simulator/faults/random-source.ts';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';

const clock = new MovableClock({ source: () => 0 });
const faults = (operations?: readonly string[]) => new Faults({ clock, ...(operations && { operations }) });

describe('a rule that is wrong', () => {
  it.each([
    [undefined, 'a fault: expected an object, got nothing'],
    [[], 'a fault: expected an object, got []'],
    [{}, 'kind: expected one of drop, delay, duplicate, '],
    [{ kind: 'explode' }, 'got "explode"'],
    [{ kind: 'drop', color: 'red' }, 'color: drop has no such field, only direction, topic, client, times, skip'],
    [{ kind: 'drop', ms: 5 }, 'ms: drop has no such field'],
    [{ kind: 'drop', direction: 'up' }, 'direction: expected "in" or "out", got "up"'],
    [{ kind: 'drop', topic: 'a/#/b' }, 'topic: expected a topic filter, got "a/#/b"'],
    [{ kind: 'drop', topic: 'a+' }, 'topic: expected a topic filter'],
    [{ kind: 'drop', client: '' }, 'client: expected a client id, got ""'],
    [{ kind: 'drop', times: -1 }, 'times: expected an integer from 0, which is for ever, got -1'],
    [{ kind: 'drop', skip: 1.5 }, 'skip: expected an integer from 0, got 1.5'],
    [{ kind: 'delay' }, 'ms: expected milliseconds from 0 to 86400000 for delay, got nothing'],
    [{ kind: 'late', ms: '5' }, 'ms: expected milliseconds from 0 to 86400000, got "5"'],
    [{ kind: 'late', ms: 5, direction: 'in' }, 'direction: late has no such field'],
    [{ kind: 'wrong' }, 'payload: expected JSON, a string, or null for nothing for wrong, got nothing'],
    [{ kind: 'cut', when: 'now' }, 'when: expected "before" or "after", got "now"'],
    [{ kind: 'duplicate', copies: 0 }, 'copies: expected an integer from 1 to 100, got 0'],
    [{ kind: 'failNext', code: 'InternalError' }, 'operation: expected an operation of the service models'],
    [
      { kind: 'failNext', operation: 'UpdateJobExecution' },
      'code: expected an exception name or a code of the Jobs MQTT',
    ],
    [{ kind: 'failNext', operation: 'GetPendingJobExecutions', code: 'Nonsense' }, 'code: expected an exception name'],
    [{ kind: 'failNext', operation: 'CreateJob', code: 'ThrotlingException' }, 'code: expected an exception name'],
  ])('%j is refused: %s', (rule, message) => {
    const subject = faults();
    expect(() => subject.addUntyped(rule)).toThrow(
      expect.objectContaining({ code: 'InvalidRequestException', message: expect.stringContaining(message) }),
    );
    expect(subject.list()).toEqual([]);
  });

  it('failNext of an operation that is not simulated is refused, where they are known', () => {
    expect(() =>
      faults(['CreateJob']).add({ kind: 'failNext', operation: 'CreateJbo', code: 'InternalError' }),
    ).toThrow(/CreateJbo is no operation/);
  });
});

describe('which messages', () => {
  const hits = (rule: object, ...message: [direction: 'in' | 'out', client: string, topic: string]) => {
    const subject = faults();
    subject.addUntyped(rule);
    return subject.ofMessage(...message) !== undefined;
  };

  it.each([
    [{ kind: 'drop' }, 'in', 'pi', 'a', true],
    [{ kind: 'drop', direction: 'in' }, 'out', 'pi', 'a', false],
    [{ kind: 'drop', client: 'pi' }, 'in', 'other', 'a', false],
    [{ kind: 'drop', topic: '$aws/+/a' }, 'in', 'pi', '$aws/x/a', true],
    [{ kind: 'drop', topic: '#' }, 'in', 'pi', '$aws/x/a', true],
    [{ kind: 'drop', topic: 'a/#' }, 'in', 'pi', 'a', false],
    [{ kind: 'never' }, 'out', 'pi', 'x/accepted', true],
    [{ kind: 'never' }, 'out', 'pi', 'x/rejected', true],
    [{ kind: 'never' }, 'out', 'pi', 'x/notify', false],
    [{ kind: 'never' }, 'in', 'pi', 'x/accepted', false],
    [{ kind: 'late', ms: 1, topic: 'x/notify' }, 'out', 'pi', 'x/notify', true],
    [{ kind: 'refuse' }, 'in', 'pi', 'a', false],
    [{ kind: 'failNext', operation: 'GetPendingJobExecutions', code: 'InternalError' }, 'in', 'pi', 'a', false],
  ] as const)('%j: %s %s %s is %s', (rule, direction, client, topic, expected) => {
    expect(hits(rule, direction, client, topic)).toBe(expected);
  });

  it('skip lets so many pass, times is how many are taken, and the list counts', () => {
    const subject = faults();
    const id = subject.add({ kind: 'drop', skip: 1, times: 2 });
    const taken = Array.from({ length: 5 }, () => subject.ofMessage('in', 'pi', 'a') !== undefined);
    expect(taken).toEqual([false, true, true, false, false]);
    expect(subject.list()).toEqual([{ id, kind: 'drop', skip: 1, times: 2, hits: 2, spent: true }]);
  });

  it('times 0 lasts until it is removed', () => {
    const subject = faults();
    const id = subject.add({ kind: 'drop', times: 0 });
    for (let count = 0; count < 3; count += 1) expect(subject.ofMessage('in', 'pi', 'a')).toBeDefined();
    expect(subject.remove(id)).toBe(true);
    expect(subject.remove(id)).toBe(false);
    expect(subject.ofMessage('in', 'pi', 'a')).toBeUndefined();
  });

  it('the rule ordered first is applied, alone', () => {
    const subject = faults();
    subject.add({ kind: 'drop' });
    subject.add({ kind: 'delay', ms: 1 });
    const kinds = Array.from({ length: 3 }, () => subject.ofMessage('in', 'pi', 'a')?.kind);
    expect(kinds).toEqual(['drop', 'delay', undefined]);
  });

  it('ids are not used again after a clear', () => {
    const subject = faults();
    const first = subject.add({ kind: 'drop' });
    subject.clear();
    expect(subject.list()).toEqual([]);
    expect(subject.add({ kind: 'drop' })).not.toBe(first);
  });

  it('spent rules make room, active ones are refused beyond a thousand', () => {
    const subject = faults();
    for (let count = 0; count < 1_500; count += 1) {
      subject.add({ kind: 'drop' });
      subject.ofMessage('in', 'pi', 'a');
    }
    expect(subject.list()).toHaveLength(1_000);
    subject.clear();
    for (let count = 0; count < 1_000; count += 1) subject.add({ kind: 'drop' });
    expect(() => subject.add({ kind: 'drop' })).toThrow(expect.objectContaining({ code: 'LimitExceededException' }));
  });
});

describe('failNext', () => {
  it.each([
    ['InternalError', 'InternalFailureException'],
    ['RequestThrottled', 'ThrottlingException'],
    ['TerminalStateReached', 'TerminalStateException'],
    ['VersionMismatch', 'VersionMismatch'],
    ['InvalidJson', 'InvalidJson'],
    ['ServiceUnavailableException', 'ServiceUnavailableException'],
    ['LimitExceededException', 'LimitExceededException'],
  ])('with %s is %s, of that operation, once', (code, exception) => {
    const subject = faults();
    subject.add({ kind: 'failNext', operation: 'CreateJob', code });
    expect(subject.failureOf('CancelJob', 'iot')).toBeUndefined();
    expect(subject.failureOf('CreateJob', 'iot')).toMatchObject({ code: exception });
    expect(subject.failureOf('CreateJob', 'iot')).toBeUndefined();
  });
});

it('failNext of one service spares the other’s operation of that name', () => {
  const subject = faults();
  subject.add({ kind: 'failNext', operation: 'DescribeJobExecution', code: 'InternalError', service: 'iot-jobs-data' });
  expect(subject.failureOf('DescribeJobExecution', 'iot')).toBeUndefined();
  expect(subject.failureOf('DescribeJobExecution', 'iot-jobs-data')).toBeDefined();
});

it.each([
  [{ kind: 'cut' }, 'kind: cut cannot be played with a broker of your own'],
  [{ kind: 'refuse' }, 'kind: refuse cannot be played with a broker of your own'],
  [{ kind: 'drop', client: 'pi' }, 'client cannot be played with a broker of your own'],
] as const)('without connections %j is refused: %s', (rule, message) => {
  const subject = new Faults({ clock: new MovableClock(), connections: false });
  expect(() => subject.add(rule)).toThrow(message);
  subject.add({ kind: 'drop' });
});

describe('rates', () => {
  it.each([
    [{ internalError: 2 }, 'internalError: expected a number from 0 to 1, got 2'],
    [{ throttled: '1' }, 'throttled: expected a number from 0 to 1, got "1"'],
    [{ broken: 1 }, 'broken is no rate: expected internalError, throttled, unavailable or seed, got 1'],
    [{ internalError: 0.6, unavailable: 0.6 }, 'the rates together: expected at most 1, got 1.2'],
    [{ seed: 1.5 }, 'seed: expected an integer, got 1.5'],
  ])('%j is refused: %s', (rates, message) => {
    const subject = faults();
    subject.setRates({ internalError: 1 });
    expect(() => subject.setRatesUntyped(rates)).toThrow(message);
    expect(subject.rates).toEqual({ internalError: 1, throttled: 0, unavailable: 0 });
  });

  it.each([
    ['internalError', 'InternalFailureException'],
    ['throttled', 'ThrottlingException'],
    ['unavailable', 'ServiceUnavailableException'],
  ])('%s 1 fails every request with %s, until all is cleared', (rate, code) => {
    const subject = faults();
    subject.setRates({ [rate]: 1 });
    expect(subject.failureOf('CreateJob', 'iot')).toMatchObject({ code });
    subject.clear();
    expect(subject.failureOf('CreateJob', 'iot')).toBeUndefined();
  });

  it('are kept on the whole, and the same requests fail for the same seed', () => {
    const draw = (seed: number) => {
      const subject = faults();
      subject.setRates({ internalError: 0.2, throttled: 0.1, seed });
      return Array.from({ length: 2_000 }, () => subject.failureOf('CreateJob', 'iot')?.code);
    };
    const drawn = draw(7);
    expect(draw(7)).toEqual(drawn);
    expect(draw(8)).not.toEqual(drawn);
    const share = (code: string) => drawn.filter((one) => one === code).length / 2_000;
    expect(share('InternalFailureException')).toBeCloseTo(0.2, 1);
    expect(share('ThrottlingException')).toBeCloseTo(0.1, 1);
  });

  it('a seeded source stays within 0 and 1 and fills it', () => {
    const random = seededRandom(1);
    const drawn = Array.from({ length: 10_000 }, random);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    expect(drawn.reduce((sum, one) => sum + one, 0) / drawn.length).toBeCloseTo(0.5, 1);
  });
});

describe('refuse', () => {
  it('for a time of the clock', () => {
    const own = new MovableClock({ source: () => 0 });
    const subject = new Faults({ clock: own });
    subject.add({ kind: 'refuse', ms: 10 });
    expect([subject.refuses(), subject.refuses(), subject.refuses('pi')]).toEqual([true, true, false]);
    own.advance(10);
    expect(subject.refuses()).toBe(false);
    expect(subject.list()).toMatchObject([{ hits: 2, spent: true }]);
  });
});

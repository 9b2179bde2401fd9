import { expect, test, vi } from 'vitest';
import { MovableClock } from '../../src/simulator/movable-clock.ts';

test('appointments are kept in the order of their times, each at its own time', () => {
  const clock = new MovableClock({ source: () => 1000 });
  const kept: [string, number][] = [];
  for (const [name, at] of [
    ['late', 5000],
    ['early', 2000],
    ['early too', 2000],
  ] as const) {
    clock.schedule(at, () => kept.push([name, clock.now()]));
  }
  clock.advance(10_000);
  expect(kept).toEqual([
    ['early', 2000],
    ['early too', 2000],
    ['late', 5000],
  ]);
  expect(clock.now()).toBe(11_000);
});

test('an appointment that is made on the way is kept on the way', () => {
  const clock = new MovableClock({ source: () => 0 });
  const kept: number[] = [];
  const again = () => {
    kept.push(clock.now());
    clock.schedule(clock.now() + 1000, again);
  };
  clock.schedule(1000, again);
  clock.advance(3500);
  expect(kept).toEqual([1000, 2000, 3000]);
});

test('an appointment that was taken back is not kept', () => {
  const clock = new MovableClock({ source: () => 0 });
  const kept: string[] = [];
  const cancel = clock.schedule(10, () => kept.push('cancelled'));
  clock.schedule(20, () => kept.push('kept'));
  cancel();
  clock.advance(100);
  expect(kept).toEqual(['kept']);
});

test('an appointment in the past is kept soon, at a time that does not go back, and not inside the call', async () => {
  const clock = new MovableClock({ source: () => 5000 });
  const kept = Promise.withResolvers<number>();
  let inside = true;
  clock.schedule(1000, () => kept.resolve(inside ? -1 : clock.now()));
  inside = false;
  expect(await kept.promise).toBe(5000);
});

test('what one appointment throws is told, and the next is kept', () => {
  const faults: unknown[] = [];
  const clock = new MovableClock({ source: () => 0 });
  clock.onFault((error) => faults.push(error));
  const kept: number[] = [];
  clock.schedule(1, () => {
    throw new Error('a fault');
  });
  clock.schedule(2, () => kept.push(clock.now()));
  clock.advance(10);
  expect([faults.length, kept]).toEqual([1, [2]]);
});

test('real time keeps appointments too, and what lies further than a timer can reach waits', async () => {
  const clock = new MovableClock();
  const kept = Promise.withResolvers<number>();
  const year = 365 * 86_400_000;
  const tooEarly: string[] = [];
  clock.schedule(clock.now() + year, () => tooEarly.push('a year'));
  clock.schedule(clock.now() + 5, () => kept.resolve(clock.now()));
  await kept.promise;
  expect(tooEarly).toEqual([]);
  clock.advance(year);
  expect(tooEarly).toEqual(['a year']);
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('the clock is not moved by %d', (milliseconds) => {
  expect(() => new MovableClock().advance(milliseconds)).toThrow(RangeError);
});

test('time does not go back, whatever an appointment asks for on the way', () => {
  const clock = new MovableClock({ source: () => 100 });
  const seen: number[] = [];
  clock.schedule(150, () => {
    seen.push(clock.now());
    clock.schedule(120, () => seen.push(clock.now()));
  });
  clock.advance(100);
  expect(seen).toEqual([150, 150]);
});

test('an appointment cannot move the clock', () => {
  const faults: unknown[] = [];
  const clock = new MovableClock({ source: () => 0 });
  clock.onFault((error) => faults.push(error));
  clock.schedule(1, () => clock.advance(1000));
  clock.advance(10);
  expect([faults.length, clock.now()]).toEqual([1, 10]);
});

test('whoever wants to know is told how far it was moved', () => {
  const clock = new MovableClock({ source: () => 7 });
  const told: number[] = [];
  clock.onMove((ahead) => told.push(ahead));
  clock.advance(1000);
  clock.advance(500);
  expect([told, clock.now()]).toEqual([[1000, 1500], 1507]);
});

test('an appointment further away than a timer can reach does not come at once', () => {
  vi.useFakeTimers();
  try {
    const clock = new MovableClock();
    let kept = 0;
    clock.schedule(clock.now() + 2 ** 31 + 1000, () => {
      kept += 1;
    });
    vi.advanceTimersByTime(2 ** 31 - 1);
    expect(kept).toBe(0);
    vi.advanceTimersByTime(1001);
    expect(kept).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

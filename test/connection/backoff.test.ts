import { expect, test } from 'vitest';
import { Backoff, STABLE_MS } from '../../src/connection/backoff.ts';

const ceiling = () => new Backoff(() => 1);

test('waits never less than a second', () => {
  const backoff = new Backoff(() => 0);
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([1_000, 1_000, 1_000]);
});

test('doubles its ceiling up to 120 s', () => {
  const backoff = ceiling();
  const waits = Array.from({ length: 8 }, () => backoff.next());
  expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000]);
});

test('starts again after a stable connection only', () => {
  const backoff = ceiling();
  backoff.next();
  backoff.connectionEnded(STABLE_MS - 1);
  expect(backoff.next()).toBe(4_000);
  backoff.connectionEnded(STABLE_MS);
  expect(backoff.next()).toBe(2_000);
});

import { expect, it } from 'vitest';
import { Backoff } from '../../../src/simulator/external-broker/backoff.ts';

it('the wait doubles to 15 s, and is short again only after a connection that lasted', () => {
  const backoff = new Backoff(() => 1);
  const waits = Array.from({ length: 7 }, () => backoff.afterConnection(0));
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  expect(backoff.afterConnection(9_999)).toBe(15_000);
  expect(backoff.afterConnection(10_000)).toBe(500);
  expect(backoff.afterConnection(0)).toBe(1_000);
});

it('the wait is at least half of that', () => {
  expect(new Backoff(() => 0).afterConnection(0)).toBe(250);
});

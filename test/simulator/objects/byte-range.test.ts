import { expect, test } from 'vitest';
import { byteRange } from '../../../src/simulator/objects/byte-range.ts';

test.each([
  ['bytes=0-0', { start: 0, end: 0 }],
  ['bytes=2-4', { start: 2, end: 4 }],
  ['bytes=7-', { start: 7, end: 9 }],
  ['bytes=7-99', { start: 7, end: 9 }],
  ['bytes=-3', { start: 7, end: 9 }],
  ['bytes=-99', { start: 0, end: 9 }],
])('of ten bytes %s asks for a part', (header, range) => {
  expect(byteRange(header, 10)).toEqual(range);
});

test.each(['bytes=10-', 'bytes=10-11', 'bytes=-0'])('of ten bytes %s asks for none', (header) => {
  expect(byteRange(header, 10)).toBe('unsatisfiable');
});

test('of an empty object there is no part', () => {
  expect(byteRange('bytes=0-', 0)).toBe('unsatisfiable');
  expect(byteRange('bytes=-1', 0)).toBe('unsatisfiable');
});

test.each([
  undefined,
  '',
  'bytes=-',
  'bytes=4-2',
  'bytes=0-1,3-4',
  'lines=0-1',
  'bytes=a-b',
])('%s asks for the whole', (header) => {
  expect(byteRange(header, 10)).toBeUndefined();
});

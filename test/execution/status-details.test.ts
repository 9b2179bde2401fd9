import fc from 'fast-check';
import { expect, test } from 'vitest';
import { statusDetails } from '../../src/execution/status-details.ts';

test('whatever goes in, what comes out obeys the service', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3000 }),
    fc.string({ unit: fc.constantFrom('a', '😀', '\ud83d', '\n', '\u0000', 'é'), minLength: 900, maxLength: 1500 }),
  );
  const entries = fc.dictionary(
    fc.oneof(text, fc.constantFrom('stderr', 'reason')),
    fc.option(text, { nil: undefined }),
  );
  fc.assert(
    fc.property(entries, (given) => {
      const pairs = Object.entries(statusDetails(given));
      expect(pairs.length).toBeLessThanOrEqual(10);
      for (const [key, value] of pairs) {
        expect(key).toMatch(/^[a-zA-Z0-9:_-]{1,128}$/);
        expect(value).toMatch(/^\P{C}+$/u);
        expect(value.length).toBeLessThanOrEqual(1024);
      }
    }),
    { numRuns: 300 },
  );
});

test('the first ten pairs are kept, empty and absent ones do not count', () => {
  const entries = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`k${index}`, index < 2 ? '' : 'v']));
  expect(Object.keys(statusDetails({ none: undefined, ...entries }))).toEqual(
    Array.from({ length: 10 }, (_, index) => `k${index + 2}`),
  );
});

test('a long value keeps its start, output keeps its end, and no character is halved', () => {
  const long = `a${'😀'.repeat(600)}b`;
  const details = statusDetails({ reason: long, stderr: long });
  expect(details['reason']).toBe(`a${'😀'.repeat(511)}`);
  expect(details['stderr']).toBe(`${'😀'.repeat(511)}b`);
});

test('lines stay readable on one line, lone surrogates vanish, bad key characters become underscores', () => {
  expect(statusDetails({ 'my key.é': 'one\r\ntwo\tthree\ud800\n' })).toEqual({ my_key__: 'one | two three' });
});

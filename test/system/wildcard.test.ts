import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fits } from '../../src/system/wildcard.ts';

test.each<[string, string, boolean]>([
  ['', '', true],
  ['a', '', false],
  ['', '*', true],
  ['anything at all\n', '*', true],
  ['rm -rf /', 'rm *', true],
  ['rm', 'rm *', false],
  ['farm x', 'rm *', false],
  ['a.b', 'a?b', false],
  ['axb', 'a.b', false],
  ['a+(b)[c]\\', 'a+(b)[c]\\', true],
  ['abab', '*ab', true],
  ['aba', 'ab*ba', false],
  ['abba', 'ab*ba', true],
  ['abc', 'a*b*c', true],
  ['acb', 'a*b*c', false],
  ['aXbXc', 'a**b*c', true],
])('%j fits %j: %s', (text, pattern, expected) => {
  expect(fits(text, pattern)).toBe(expected);
});

test('it is what a regular expression of the same meaning says', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\n'), maxLength: 12 });
  const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
  fc.assert(
    fc.property(letters, patterns, (text, pattern) => {
      const expression = pattern.replaceAll('.', '\\.').replaceAll('*', '[^]*');
      expect(fits(text, pattern)).toBe(new RegExp(`^${expression}$`).test(text));
    }),
    { seed: Number(process.env['FUZZ_SEED'] ?? 20_260_105), numRuns: 3000 },
  );
});

test('many stars take no more than one look at the text', () => {
  const started = performance.now();
  expect(fits('a'.repeat(30_000), `${'*a'.repeat(1000)}*b`)).toBe(false);
  // A pattern that goes back and tries again would not end in this life.
  expect(performance.now() - started).toBeLessThan(5000);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputLines } from '../../src/system/output-lines.ts';
import { OutputTail } from '../../src/system/output-tail.ts';
import { cut } from '../support/chunks.ts';

const KEY = `-----BEGIN RSA PRIVATE KEY-----\n${'hush'.repeat(16)}\n`.concat(
  `${'hush'.repeat(16)}\n`.repeat(24),
  '-----END RSA PRIVATE KEY-----',
);
const SECRETS = [
  'https://bucket/key?X-Amz-Security-Token=hush&X-Amz-Signature=hush',
  KEY,
  'curl --password=hush --user me',
  'DB_SECRET="hu sh"',
  '{"password": "hush", "refresh_token":"hu\\"sh"}',
  'https://host/?token=hush',
  '> Authorization: Bearer hush',
  'client_secret=hush',
];

function lines(chunks: readonly Buffer[]): string[] {
  const output = new OutputLines();
  return [...chunks.flatMap((chunk) => output.push(chunk)), ...output.end()];
}
function tail(chunks: readonly Buffer[], limit?: number): string {
  const output = new OutputTail(limit);
  for (const chunk of chunks) output.push(chunk);
  return output.publicText();
}
test.each(SECRETS)('however output is cut into chunks, this secret is in no line and no tail: %j', (secret) => {
  const text = `before\n${secret}\nafter\n`;
  const whole = lines([Buffer.from(text)]);
  expect(whole[0]).toBe('before');
  expect(whole.at(-1)).toBe('after');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (sizes) => {
      const chunks = cut(text, sizes);
      expect(lines(chunks)).toEqual(whole);
      expect(lines(chunks).join('\n')).not.toMatch(/hu|sh"/);
      expect(tail(chunks)).not.toMatch(/hu|sh"/);
    }),
  );
});

test.each(SECRETS)('wherever the tail begins, nothing of this secret is in it: %j', (secret) => {
  const text = `before ${secret}\nafter\n`;
  for (let limit = 8; limit < text.length + 10; limit += 1) {
    const shown = tail([Buffer.from('x '.repeat(50)), Buffer.from(text)], limit);
    expect(shown).not.toMatch(/hu|sh"/);
    expect(shown).toMatch(/(^|\n)after\n$/);
  }
});

test('what only looks like one stays', () => {
  const plain = 'token: expected a string; clientToken=abc, password required; -----BEGIN CERTIFICATE-----';
  expect(lines([Buffer.from(plain)])).toEqual([plain]);
  expect(tail([Buffer.from(plain)])).toBe(plain);
});

test('a tail that was not cut keeps its first word, and a cut one loses the rest of a line or word only', () => {
  expect(tail([Buffer.from('one two')], 16)).toBe('one two');
  expect(tail([Buffer.from('one two three')], 9)).toBe(' three');
  expect(tail([Buffer.from('one\ntwo three\nfour\n')], 8)).toBe('four\n');
  expect(tail([Buffer.from('x'.repeat(50_000))])).toBe('x'.repeat(16_384));
});

test('UTF-8 comes out whole, and controls as signs', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3 })), (sizes) => {
      expect(lines(cut('é€😀\tü\r\n\x1b[1mbold\x1b[0m\x07\n', sizes))).toEqual(['é€😀\tü', 'bold\\x07']);
    }),
  );
});

test('a line without an end is given in pieces, between words', () => {
  const found = lines([Buffer.from(`${'a'.repeat(16_000)} ${'b'.repeat(20_000)}`)]);
  expect(found.map((line) => line.length)).toEqual([16_001, 16_384, 3_616]);
});

test('a private key that has no end costs 256 lines and not all that follows', () => {
  const found = lines([Buffer.from(`-----BEGIN PRIVATE KEY-----\n${'x\n'.repeat(300)}`)]);
  expect(found).toHaveLength(1 + 300 - 255);
});

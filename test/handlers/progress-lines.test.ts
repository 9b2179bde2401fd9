import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProgressLines } from '../../src/handlers/progress-lines.ts';
import type { StatusDetails } from '../../src/jobs/model.ts';
import { cut } from '../support/chunks.ts';
import { silentLog } from '../support/silent-log.ts';

function progress() {
  const reports: StatusDetails[] = [];
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
  return { reports, warnings, lines: new ProgressLines((details) => reports.push(details), log) };
}
function reported(...chunks: (string | Buffer)[]) {
  const { reports, warnings, lines } = progress();
  for (const chunk of chunks) lines.push(Buffer.from(chunk));
  lines.end();
  return { last: reports.at(-1), count: reports.length, warnings };
}

test('percent, message and details are status details, all of them strings', () => {
  const { last, warnings } = reported('{"percent":40.5,"message":"half","details":{"a":"x","b":2,"c":true}}\n');
  expect(last).toEqual({ percent: '40.5', message: 'half', a: 'x', b: '2', c: 'true' });
  expect(warnings).toEqual([]);
});

test('what was said holds until it is said anew, or taken back with null', () => {
  const { last } = reported('{"percent":1,"details":{"a":"x","b":"y"}}\n', '{"percent":2,"details":{"a":null}}\n');
  expect(last).toEqual({ percent: '2', b: 'y' });
});

test('a last line may lack its end, and empty ones say nothing', () => {
  expect(reported('\n\n  \n')).toEqual({ last: undefined, count: 0, warnings: [] });
  expect(reported('{"percent":1}\n{"percent":2}').last).toEqual({ percent: '2' });
});

test('however it is cut into chunks, the last report is the same', () => {
  const text = '{"message":"é€😀"}\nnot JSON\n{"percent":7}\n';
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 })), (sizes) => {
      const { last, warnings } = reported(...cut(text, sizes));
      expect(last).toEqual({ message: 'é€😀', percent: '7' });
      expect(warnings).toHaveLength(1);
    }),
  );
});

test.each([
  'not JSON',
  '[]',
  '7',
  'null',
  '{"percent":"7"}',
  '{"percent":-1}',
  '{"percent":101}',
  '{"message":7}',
  '{"details":[]}',
  '{"details":{"a":{}}}',
])('%j is passed over whole, with one warning for all', (line) => {
  const { last, count, warnings } = reported(`${line}\n`, `${line}\n{"percent":7}\n${line}\n`);
  expect({ last, count }).toEqual({ last: { percent: '7' }, count: 1 });
  expect(warnings).toHaveLength(1);
});

test('no more than ten pairs are kept', () => {
  const details = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, index]));
  const { last, warnings } = reported(`${JSON.stringify({ percent: 1, details })}\n`);
  expect(Object.keys(last ?? {})).toHaveLength(10);
  expect(last).toMatchObject({ percent: '1', k0: '0' });
  expect(warnings).toHaveLength(1);
});

test('a line that is too long is passed over, up to its end', () => {
  const long = `{"message":"${'x'.repeat(20_000)}`;
  const { last, warnings } = reported(long, long, '{"message":"its end"}\n{"percent":2}\n', `${long}"}\n`);
  expect(last).toEqual({ percent: '2' });
  expect(warnings).toHaveLength(1);
});

test('of a flood the newest counts, reported once a chunk', () => {
  const flood = Array.from({ length: 5000 }, (_, index) => `{"message":"${index}"}\n`).join('');
  const { reports, warnings, lines } = progress();
  for (let at = 0; at < flood.length; at += 65_536) lines.push(Buffer.from(flood.slice(at, at + 65_536)));
  expect(reports.at(-1)).toEqual({ message: '4999' });
  expect(reports.length).toBeLessThanOrEqual(Math.ceil(flood.length / 65_536));
  expect(warnings).toHaveLength(1);
});

test('secrets are redacted', () => {
  const { last } = reported('{"message":"got https://h/?X-Amz-Signature=hush","details":{"apiToken":"hush"}}\n');
  expect(JSON.stringify(last)).not.toContain('hush');
});

import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExecutionLog, executionLogName } from '../../src/execution/execution-log.ts';
import { runBuiltScript } from '../support/built-script.ts';
import { silentLog } from '../support/silent-log.ts';

let parent: string;
let directory: string;
let warnings: object[];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'execution-log-'));
  directory = join(parent, 'logs');
  warnings = [];
});
afterEach(() => {
  rmSync(parent, { recursive: true });
});

function open(change: { maxBytes?: number; directory?: string } = {}): ExecutionLog {
  const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
  const now = () => Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  return new ExecutionLog({ directory, jobId: 'job', executionNumber: 2, maxBytes: 100_000, log, now, ...change });
}
const path = () => join(directory, 'job-2.log');
const content = () => readFileSync(path(), 'utf8');
/** What the lines say, without their time. */
const said = () =>
  content()
    .split('\n')
    .map((line) => line.slice('2026-01-02T03:04:05.678Z '.length));

test('output and notes are lines with their time and source, in a private file', () => {
  const log = open();
  log.note('step 1 "a" started');
  log.write('stdout', Buffer.from('one\ntwo\n'));
  log.write('stderr', Buffer.from('three\n'));
  log.note('step 1 "a" succeeded');
  log.close();
  const at = '2026-01-02T03:04:05.678Z';
  expect(content()).toBe(
    [
      `${at} agent: step 1 "a" started`,
      `${at} stdout: one`,
      `${at} stdout: two`,
      `${at} stderr: three`,
      `${at} agent: step 1 "a" succeeded`,
      '',
    ].join('\n'),
  );
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test('what has no line end yet comes before the next note, and at the close', () => {
  const log = open();
  log.write('stdout', Buffer.from('a'));
  log.write('stdout', Buffer.from('b'));
  log.note('end');
  log.write('stderr', Buffer.from('c'));
  log.close();
  log.write('stdout', Buffer.from('late\n'));
  log.note('late');
  expect(said()).toEqual(['stdout: ab', 'agent: end', 'stderr: c', '']);
});

test('secrets are redacted, across chunks and lines, and no note can forge a line', () => {
  const log = open();
  for (const chunk of ['https://h/?X-Amz-Sig', 'nature=hush\n-----BEGIN PRIV', 'ATE KEY-----\nhush\n', 'hush\n']) {
    log.write('stdout', Buffer.from(chunk));
  }
  log.write('stdout', Buffer.from('-----END PRIVATE KEY-----\n\x1b[31mred\x1b[0m\x07\n'));
  log.note('--password=hush\nnext');
  log.close();
  expect(said()).toEqual([
    'stdout: https://h/?X-Amz-Signature=[redacted]',
    'stdout: [redacted]',
    'stdout: red\\x07',
    'agent: --password=[redacted]',
    'agent: next',
    '',
  ]);
});

test('the cap holds; what came after is counted, and how the step ended is still told', () => {
  const log = open({ maxBytes: 4096 });
  const numbers = Array.from({ length: 1000 }, (_, index) => `${index}\n`);
  for (const line of numbers) log.write('stdout', Buffer.from(line));
  log.write('stdout', Buffer.alloc(1_000_000));
  log.note('step 1 failed');
  log.close();
  expect(statSync(path()).size).toBeLessThanOrEqual(4096);
  expect(said().at(-3)).toMatch(/^agent: \d+ bytes of output were dropped: this log may have 4096 bytes$/);
  const written = said().filter((line) => line.startsWith('stdout: ')).length;
  const dropped = Number(/\d+/.exec(said().at(-3) ?? '')?.[0]);
  expect(dropped).toBe(1_000_000 + numbers.slice(written).join('').length);
  expect(said().at(-2)).toBe('agent: step 1 failed');
});

test('notes alone do not break the cap either', () => {
  const log = open({ maxBytes: 4096 });
  for (let note = 0; note < 1000; note += 1) log.note(`note ${note}`);
  log.close();
  expect(statSync(path()).size).toBeLessThanOrEqual(4096);
});

test('after a restart it goes on in the same file, under the same cap', () => {
  const first = open({ maxBytes: 4096 });
  first.write('stdout', Buffer.from(`${'x'.repeat(3000)}\n`));
  // A crash in the middle of a line.
  appendFileSync(path(), 'half a li');
  chmodSync(path(), 0o644);
  const second = open({ maxBytes: 4096 });
  second.note('step 1 started anew');
  second.write('stdout', Buffer.from(`${'y'.repeat(3000)}\n`));
  second.close();
  const lines = content().split('\n');
  expect(lines[1]).toBe('half a li');
  expect(lines[2]).toMatch(/agent: step 1 started anew$/);
  expect(content()).not.toContain('yyy');
  expect(statSync(path()).size).toBeLessThanOrEqual(4096);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test('a log that cannot be opened costs nothing but itself, and one warning', () => {
  writeFileSync(directory, 'no directory');
  const log = open();
  log.note('started');
  log.write('stdout', Buffer.from('x\n'));
  log.close();
  expect(warnings).toHaveLength(1);
});

test('a link in its place is not followed', () => {
  open().close();
  const log = open();
  log.note('makes the directory');
  log.close();
  rmSync(path());
  writeFileSync(join(parent, 'target'), '');
  symlinkSync(join(parent, 'target'), path());
  open().note('x');
  expect(warnings).toHaveLength(1);
  expect(readFileSync(join(parent, 'target'), 'utf8')).toBe('');
});

test('a disk that is full costs the rest of the log, and nothing else', async () => {
  const script = `
    const { ExecutionLog } = await import(built('execution/execution-log.js'));
    let warnings = 0;
    const log = new ExecutionLog({
      directory: ${JSON.stringify(directory)}, jobId: 'job', executionNumber: 2, maxBytes: 1e6,
      log: { warn: () => { warnings += 1; } },
    });
    for (let line = 0; line < 1000; line += 1) log.write('stdout', Buffer.from('a line of output\\n'));
    log.note('end');
    log.close();
    tell(warnings);`;
  // The kernel refuses what goes past a file size limit as it refuses what a disk has no room for.
  expect(await runBuiltScript(script, { through: ['prlimit', '--fsize=8192:8192'] })).toBe(1);
  expect(statSync(path()).size).toBe(8192);
});

test('no job id leads out of the directory', () => {
  expect(executionLogName('a-b_1', 3)).toBe('a-b_1-3.log');
  expect(executionLogName('../a/b', 3)).toBe('___a_b-3.log');
});

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/journal-file.ts';
import { readTrace, straceArguments } from '../bench/write-trace.ts';
import { fastDirectory } from '../support/fast-directory.ts';
import { describeWith } from '../support/requirements.ts';

let directory: string;
let journal: Journal;

beforeEach(() => {
  directory = fastDirectory('size-');
  journal = openJournal(directory);
});

afterEach(() => {
  journal.close();
  rmSync(directory, { recursive: true });
});

const DOCUMENT = { version: '1.0', steps: [{ action: { name: 'a', type: 'runCommand', input: { command: 'true' } } }] };

function runJob(index: number, document: unknown): void {
  const key = { jobId: `job-${index}`, executionNumber: 1, queuedAt: index };
  journal.recordOne({ ...key, status: 'QUEUED' }, index);
  journal.claim(key, { document, handler: 'runCommand' });
  journal.step(key, { type: 'start', elapsedMs: 1, afterInterruption: false });
  journal.finish(key, { status: 'SUCCEEDED', statusDetails: { reason: '1 of 1 steps succeeded' } });
  journal.settle(key);
}

const sizeOf = (name: string) => statSync(join(directory, name)).size;

it('stays as large as it was over thousands of jobs: its files, their number and its log', () => {
  const documents = [DOCUMENT, DOCUMENT, { ...DOCUMENT, text: 'x'.repeat(30_000) }];
  const run = (from: number, to: number) => {
    for (let index = from; index < to; index += 1) runJob(index, documents[index % documents.length]);
  };
  run(0, 1_500);
  const names = readdirSync(directory).sort();
  const before = sizeOf('journal.sqlite');
  run(1_500, 3_000);
  expect(sizeOf('journal.sqlite')).toBeLessThanOrEqual(before * 1.05);
  expect(sizeOf('journal.sqlite')).toBeLessThan(512 * 1024);
  expect(sizeOf('journal.sqlite-wal')).toBeLessThan(512 * 1024);
  expect(readdirSync(directory).sort()).toEqual(names);
});

it('is small again after a transaction that was large', () => {
  const executions = Array.from({ length: 6_000 }, (_, index) => ({
    jobId: `${'long-name-'.repeat(6)}${index}`,
    executionNumber: 1,
    queuedAt: 1,
    status: 'QUEUED' as const,
  }));
  journal.recordList({ timestamp: 1, executions, complete: true });
  expect(sizeOf('journal.sqlite-wal')).toBeGreaterThan(512 * 1024 - 100_000);
  journal.recordList({ timestamp: 2, executions: [], complete: true });
  for (let index = 0; index < 100; index += 1) runJob(index, DOCUMENT);
  expect(sizeOf('journal.sqlite-wal')).toBeLessThanOrEqual(512 * 1024);
});

it('writes few bytes for a job: they wear out an SD card', () => {
  for (let index = 0; index < 100; index += 1) runJob(index, DOCUMENT);
  const before = writtenBytes();
  for (let index = 100; index < 300; index += 1) runJob(index, DOCUMENT);
  // 10 KB in all when this was written, with what is written twice; pages of 4 KiB would make it 35 KB.
  expect((writtenBytes() - before) / 200).toBeLessThan(16_000);
});

describeWith('STRACE', 'a job', () => {
  /** Of the journal's files, in a process of its own, from its start to its end. */
  function syncsOf(jobs: number): number {
    const state = fastDirectory('synced-');
    const trace = `${state}.trace`;
    const child = [process.execPath, join(import.meta.dirname, 'jobs-child.mjs'), state, String(jobs)];
    execFileSync('strace', [...straceArguments(trace), ...child], { stdio: 'pipe' });
    const { syncs } = readTrace(trace, state);
    rmSync(state, { recursive: true });
    rmSync(trace);
    return syncs;
  }

  it('costs one sync for each transaction, and a few in a hundred jobs when the log is folded in', () => {
    const syncs = syncsOf(200) - syncsOf(100);
    expect(syncs).toBeGreaterThanOrEqual(5 * 100);
    expect(syncs).toBeLessThan(5.2 * 100);
  });
});

/** By this process, into files and pipes (proc(5)). */
function writtenBytes(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

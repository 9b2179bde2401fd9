import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ExecutionLogBounds, pruneExecutionLogs } from '../../src/execution/execution-log-pruning.ts';

const DAY = 86_400;
const NOW = 1_800_000_000;
const MIB = 1024 * 1024;
const WIDE: ExecutionLogBounds = { keepFiles: 100, keepMegabytes: 100, keepDays: 100 };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pruning-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, ageDays: number, bytes = 1): void {
  writeFileSync(join(directory, name), Buffer.alloc(bytes));
  utimesSync(join(directory, name), NOW - ageDays * DAY, NOW - ageDays * DAY);
}
async function left(bounds: Partial<ExecutionLogBounds>, keep: readonly string[] = []): Promise<string[]> {
  await pruneExecutionLogs(directory, { ...WIDE, ...bounds }, NOW * 1000, new Set(keep));
  return readdirSync(directory).sort();
}

test('the oldest go when there are too many', async () => {
  for (const age of [3, 1, 2]) file(`${age}.log`, age);
  expect(await left({ keepFiles: 2 })).toEqual(['1.log', '2.log']);
});

test('the oldest go when all together are too large', async () => {
  for (const age of [3, 1, 2]) file(`${age}.log`, age, MIB);
  expect(await left({ keepMegabytes: 2 })).toEqual(['1.log', '2.log']);
});

test('those that are too old go', async () => {
  for (const age of [3, 1, 2]) file(`${age}.log`, age);
  expect(await left({ keepDays: 2 })).toEqual(['1.log', '2.log']);
});

test('one that is in use stays, and counts', async () => {
  for (const age of [1, 2, 200]) file(`${age}.log`, age);
  expect(await left({ keepFiles: 1 }, ['200.log'])).toEqual(['200.log']);
});

test('what is no log stays, and no directory is no error', async () => {
  file('notes.txt', 200);
  mkdirSync(join(directory, 'a.log'));
  expect(await left({ keepFiles: 1 })).toEqual(['a.log', 'notes.txt']);
  expect(await pruneExecutionLogs(join(directory, 'absent'), WIDE, NOW * 1000, new Set())).toEqual([]);
});

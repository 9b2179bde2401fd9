import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';

/** The bounds of all logs of executions together; `executionLogs` of the agent's config has them. */
export interface ExecutionLogBounds {
  readonly keepFiles: number;
  /** MiB. */
  readonly keepMegabytes: number;
  readonly keepDays: number;
}

interface LogFile {
  readonly name: string;
  readonly size: number;
  /** Epoch milliseconds of the last write. */
  readonly writtenAt: number;
}

const DAY_MS = 86_400_000;

/**
 * Removes the oldest logs until there are few enough, small enough together, and none too old. Those in `keep` stay, and
 * count: the logs of executions that have no result yet.
 *
 * @param now epoch milliseconds.
 * @param keep names, as `executionLogName` gives them.
 * @returns the names of those removed. Rejects with the system's error; no directory is no error.
 */
export async function pruneExecutionLogs(
  directory: string,
  bounds: ExecutionLogBounds,
  now: number,
  keep: ReadonlySet<string>,
): Promise<string[]> {
  const files = await logFiles(directory);
  let count = files.length;
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  const removed: string[] = [];
  for (const { name, size, writtenAt } of files.sort((a, b) => a.writtenAt - b.writtenAt)) {
    const isTooMuch = count > bounds.keepFiles || bytes > bounds.keepMegabytes * 1024 * 1024;
    if (keep.has(name) || (!isTooMuch && now - writtenAt <= bounds.keepDays * DAY_MS)) continue;
    await unlink(join(directory, name)).catch(unlessMissing);
    removed.push(name);
    count -= 1;
    bytes -= size;
  }
  return removed;
}

async function logFiles(directory: string): Promise<LogFile[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    unlessMissing(error);
    return [];
  });
  const files: LogFile[] = [];
  for (const { name } of entries.filter((entry) => entry.isFile() && entry.name.endsWith('.log'))) {
    const found = await stat(join(directory, name)).catch(unlessMissing);
    if (found !== undefined) files.push({ name, size: found.size, writtenAt: found.mtimeMs });
  }
  return files;
}

function unlessMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}

import { chmodSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { executionFromRow, type Row } from './execution-row.ts';
import { keyText } from './journal.ts';
import { rowsOf } from './journal-check.ts';
import { sync } from './journal-draft.ts';
import { JournalDamagedError, sqliteResult } from './journal-faults.ts';
import type { JournalPaths } from './journal-paths.ts';
import { isUnfinished, type StoredExecution } from './stored-execution.ts';

/** How many damaged journals are kept: someone may want to look at the last ones, and the disk must not fill. */
export const DAMAGED_KEPT = 3;

/** The highest number first. */
export function damagedCopies(paths: JournalPaths): readonly { readonly number: number; readonly path: string }[] {
  const prefix = `${basename(paths.database)}.damaged-`;
  const numbers = readdirSync(paths.directory)
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number.parseInt(name.slice(prefix.length), 10))
    .filter((number) => number > 0);
  return [...new Set(numbers)]
    .sort((a, b) => b - a)
    .map((number) => ({ number, path: join(paths.directory, `${prefix}${number}`) }));
}

/**
 * Renames the journal and its log, so that every byte is kept: `journal.sqlite.damaged-<n>` and `…-wal`, names by which
 * `sqlite3` knows them for a pair. A connection that has them open does not fold the log in when it is closed, for its
 * database has moved (SQLITE_FCNTL_HAS_MOVED). Returns the path. Throws the system's error.
 */
export function setAside(paths: JournalPaths): string {
  const copies = damagedCopies(paths);
  const aside = halfSetAside(paths) ?? join(paths.directory, nameOf(paths, (copies[0]?.number ?? 0) + 1));
  // The database first: alone, the log is known to lack it; the database alone would be believed.
  renameIfThere(paths.database, aside);
  renameIfThere(paths.wal, `${aside}-wal`);
  sync(paths.directory);
  for (const { path } of copies.filter(({ path }) => path !== aside).slice(DAMAGED_KEPT - 1)) {
    for (const suffix of ['', '-wal', CLOSING]) rmSync(`${path}${suffix}`, { force: true });
  }
  return aside;
}

/** An end of the agent between the two renames has left the log without its database, whose copy is the newest. */
function halfSetAside(paths: JournalPaths): string | undefined {
  const copy = unsalvagedCopy(paths);
  return copy !== undefined && !exists(paths.database) && !exists(`${copy}-wal`) ? copy : undefined;
}

/**
 * The newest copy, where nobody has taken over yet what can be read in it: the agent ended before the new journal was
 * there, or the disk had no room for it. Throws the system's error.
 */
export function unsalvagedCopy(paths: JournalPaths): string | undefined {
  const path = damagedCopies(paths)[0]?.path;
  if (path === undefined) return undefined;
  // The agent ended amid reading it.
  if (!exists(path) && exists(`${path}${CLOSING}`)) renameSync(`${path}${CLOSING}`, path);
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  return mode === undefined || (mode & WRITABLE) === 0 ? undefined : path;
}

/**
 * What can be read in the newest copy is in a journal: the copy is made read-only, which needs no room on a full disk and
 * changes no byte. Where that is lost with the power and the journal too, results are sent once more and found over.
 */
export function markSalvaged(paths: JournalPaths): void {
  const path = unsalvagedCopy(paths);
  if (path !== undefined) chmodSync(path, statSync(path).mode & ~WRITABLE & 0o7777);
}

/**
 * What can be believed of a journal that is set aside: rows that are as they were written and say that an execution has
 * finished. That stays true however old the row is; of what has not finished, a newer row may be lost. The bytes stay
 * as they are. Throws the system's error.
 */
export function salvage(aside: string): StoredExecution[] {
  // SQLite takes an empty database for a new one, and removes its log.
  if (sizeOf(aside) === 0) return [];
  const found = new Map<string, StoredExecution>();
  const database = new DatabaseSync(aside);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON');
    for (const row of rowsOf(database)) {
      const execution = ifWhole(row);
      if (!execution || isUnfinished(execution)) continue;
      const text = keyText(execution);
      if (found.get(text)?.state !== 'settled') found.set(text, execution);
    }
  } catch (error) {
    // The rest cannot be read.
    if (!(error instanceof JournalDamagedError) && sqliteResult(error) === undefined) throw error;
  } finally {
    closeUntouched(database, aside);
  }
  return [...found.values()].map((execution, index) => ({ ...execution, sequence: index + 1 }));
}

function ifWhole(row: Row): StoredExecution | undefined {
  try {
    return executionFromRow(row);
  } catch (error) {
    if (error instanceof JournalDamagedError) return undefined;
    throw error;
  }
}

const CLOSING = '.closing';
const WRITABLE = 0o222;

/** Closing folds the log in, but for a database that has moved. */
function closeUntouched(database: DatabaseSync, path: string): void {
  try {
    renameSync(path, `${path}${CLOSING}`);
  } finally {
    database.close();
  }
  renameSync(`${path}${CLOSING}`, path);
  if (sizeOf(`${path}-wal`) === 0) rmSync(`${path}-wal`, { force: true });
}

function nameOf(paths: JournalPaths, number: number): string {
  return `${basename(paths.database)}.damaged-${number}`;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function renameIfThere(from: string, to: string): void {
  if (exists(from)) renameSync(from, to);
}

import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { errorMessage, ThingAgentError } from '../errors.ts';
import { rowOf } from './execution-row.ts';
import { sqliteResult } from './journal-faults.ts';
import type { JournalPaths } from './journal-paths.ts';
import { APPLICATION_ID, SCHEMA_VERSION, TABLES } from './journal-schema.ts';
import type { StoredExecution } from './stored-execution.ts';

/**
 * Writes a journal anew and puts it in the place of the one that there is, if any: after a crash there is the old one or
 * the new one. The old one must be closed, and whatever is in its log be among the executions or void.
 *
 * Throws JOURNAL_UNAVAILABLE, and the system's errors. Not SQLite's: after a read that failed it may call the draft
 * malformed, which is none of the journal's.
 */
export function replaceJournal(paths: JournalPaths, executions: readonly StoredExecution[], rebuilt: boolean): void {
  removeDraft(paths);
  try {
    const database = new DatabaseSync(paths.draft);
    try {
      fill(database, executions, rebuilt);
    } finally {
      database.close();
    }
    sync(paths.draft);
    // Beside the new database an old log would be taken for its own.
    rmSync(paths.wal, { force: true });
    renameSync(paths.draft, paths.database);
  } catch (error) {
    removeDraft(paths);
    if (sqliteResult(error) === undefined) throw error;
    const message = `the journal cannot be written anew: ${errorMessage(error)}: look at the disk`;
    throw new ThingAgentError('JOURNAL_UNAVAILABLE', message, { retryable: true, cause: error });
  }
  sync(paths.directory);
}

/**
 * Pages of 1 KiB, not SQLite's 4: a row is small, and each page that it touches is written whole, twice. The draft is
 * synced once, as a whole, when it is complete.
 */
function fill(database: DatabaseSync, executions: readonly StoredExecution[], rebuilt: boolean): void {
  database.exec(`
    PRAGMA page_size = 1024;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${SCHEMA_VERSION};
    BEGIN;
    ${Object.values(TABLES).join(';\n')};
  `);
  for (const execution of executions) {
    const row = rowOf(execution);
    database.prepare(`INSERT INTO executions VALUES (${row.map(() => '?').join(', ')})`).run(...row);
    const { sequence, document } = execution;
    if (document !== null) database.prepare('INSERT INTO documents VALUES (?, ?)').run(sequence, document);
  }
  if (rebuilt) database.prepare('INSERT INTO rebuilt VALUES (?)').run(Math.floor(Date.now() / 1000));
  database.exec('COMMIT');
  // Closing would do that too, and say nothing of a failure.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

function removeDraft({ draft }: JournalPaths): void {
  for (const path of [draft, `${draft}-wal`, `${draft}-journal`]) rmSync(path, { force: true });
}

/** rename(2) is not on disk before its directory is (fsync(2)). */
export function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorCode, errorMessage, LocalFaultError } from '../errors.ts';
import type { Journal } from './journal.ts';
import { SqliteJournal } from './sqlite-journal.ts';
import { STATES } from './states.ts';

/** The version of the schema below, in SQLite's `user_version`. A newer file than the agent is a local fault. */
export const SCHEMA_VERSION = 2;

const STATE_NAMES = Object.keys(STATES)
  .map((state) => `'${state}'`)
  .join(', ');

const SCHEMA = `
  CREATE TABLE executions (
    sequence INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    execution_number INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN (${STATE_NAMES})),
    service_status TEXT NOT NULL,
    queued_at INTEGER NOT NULL,
    position INTEGER NOT NULL,
    named_at INTEGER NOT NULL,
    document TEXT,
    handler TEXT,
    step TEXT,
    progress TEXT,
    elapsed_ms INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    details TEXT,
    finished_sequence INTEGER,
    UNIQUE (job_id, execution_number)
  ) STRICT;
  CREATE INDEX executions_by_state ON executions (state);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** From the first schema, which knew a step's number and attempts alone: one that had begun counts as interrupted. */
const FROM_VERSION_1 = `
  DROP INDEX executions_by_state;
  ALTER TABLE executions RENAME TO executions_1;
  ${SCHEMA}
  INSERT INTO executions (sequence, job_id, execution_number, state, service_status, queued_at, position, named_at,
      document, handler, step, outcome, details, finished_sequence)
    SELECT sequence, job_id, execution_number,
      CASE WHEN state = 'claimed' AND attempts > 0 THEN 'running' ELSE state END,
      service_status, queued_at, position, named_at, document, handler,
      CASE WHEN state = 'claimed' THEN json_object('index', next_step, 'attempts', attempts, 'interruptions', 0,
        'stops', 0, 'failures', 0, 'reboots', 0, 'ignored', 0, 'skipped', 0) END,
      outcome, details, finished_sequence
    FROM executions_1;
  DROP TABLE executions_1;
`;

const LOCKED = 'STATE_DIRECTORY_LOCKED';

/**
 * Opens `<stateDirectory>/journal.sqlite`, creating it where missing, and holds it alone until closed: SQLite's exclusive
 * lock is the kernel's, so it ends with the process, however that ends. `agent.pid` beside it names the holder.
 *
 * Throws a LocalFaultError: STATE_DIRECTORY_UNUSABLE, STATE_DIRECTORY_LOCKED, JOURNAL_TOO_NEW.
 */
export function openJournal(stateDirectory: string): Journal {
  const path = join(stateDirectory, 'journal.sqlite');
  const pidPath = join(stateDirectory, 'agent.pid');
  let database: DatabaseSync;
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(path);
  } catch (error) {
    throw unusable(stateDirectory, error);
  }
  try {
    // EXCLUSIVE before the first access: WAL then needs no shared-memory file, and a second agent finds it locked.
    // FULL: a commit is on the disk when it returns (sqlite.org/pragma.html#pragma_synchronous).
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT;',
    );
    migrate(database, path);
    writeFileSync(pidPath, `${process.pid}\n`);
  } catch (error) {
    database.close();
    if (error instanceof LocalFaultError) throw error;
    if (isLocked(error)) {
      throw new LocalFaultError(
        LOCKED,
        `${stateDirectory} is held by another agent (pid ${holder(pidPath)}): stop that one, or give this one a stateDirectory of its own`,
        { cause: error },
      );
    }
    throw unusable(stateDirectory, error);
  }
  return new SqliteJournal(database);
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > SCHEMA_VERSION) {
    throw new LocalFaultError(
      'JOURNAL_TOO_NEW',
      `${path} was written by a newer agent (schema ${version}, this one knows ${SCHEMA_VERSION}): install that version again`,
    );
  }
  if (version === 0) database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
  if (version === 1) database.exec(`BEGIN IMMEDIATE; ${FROM_VERSION_1} COMMIT;`);
}

function holder(pidPath: string): string {
  try {
    return readFileSync(pidPath, 'utf8').trim() || 'unknown';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'unknown' : `unknown: ${errorMessage(error)}`;
  }
}

/** SQLITE_BUSY (5) and SQLITE_LOCKED (6). */
function isLocked(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'errcode' in error && (error.errcode === 5 || error.errcode === 6)
  );
}

function unusable(stateDirectory: string, error: unknown): LocalFaultError {
  return new LocalFaultError(
    'STATE_DIRECTORY_UNUSABLE',
    `stateDirectory ${stateDirectory} cannot be used: ${errorMessage(error)}: it must exist or be creatable, and be writable by the agent's user`,
    { cause: error },
  );
}

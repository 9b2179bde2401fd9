import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { LocalFaultError, ThingAgentError } from '../errors.ts';
import { executionFromRow, type Row } from './execution-row.ts';
import { keyText } from './journal.ts';
import { isDamage, JournalDamagedError, sqliteResult } from './journal-faults.ts';
import type { JournalPaths } from './journal-paths.ts';
import { APPLICATION_ID, SCHEMA_VERSION, TABLES } from './journal-schema.ts';
import { executionsFromOldSchema } from './old-schemas.ts';
import type { StoredExecution } from './stored-execution.ts';
import { inspectWal } from './wal-inspection.ts';

/** What a journal holds. */
export interface JournalContent {
  readonly executions: readonly StoredExecution[];
  /** Begun after a loss, and no complete list has come since. */
  readonly rebuilt: boolean;
}

/**
 * Looks at the files before SQLite does: it would take an empty file for a new database and remove its log, and drop
 * what stands behind damage in the log. `none`: there is no journal. `cut`: as `sound`, but the log's last transaction
 * is not whole. Throws a JournalDamagedError, and the system's errors.
 */
export function checkFiles(paths: JournalPaths): 'none' | 'sound' | 'cut' {
  for (const path of [paths.database, paths.wal]) {
    // What it may not write, SQLite opens for reading, and fails later.
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK);
  }
  const size = sizeOf(paths.database);
  const walSize = sizeOf(paths.wal) ?? 0;
  if (size === undefined && walSize === 0) return 'none';
  if (size === undefined) throw new JournalDamagedError('its write-ahead log is there, and its database is not');
  checkHeader(paths.database, walSize > 0);
  if (walSize === 0) return 'sound';
  const verdict = inspectWal(readFileSync(paths.wal));
  if (verdict.kind === 'damaged') throw new JournalDamagedError(`${verdict.why} is damaged`);
  return verdict.kind;
}

/**
 * Reads all of an open journal and holds it against everything that is known of it.
 *
 * Throws a JournalDamagedError; the LocalFaultError JOURNAL_TOO_NEW; the errors of SQLite and of the system.
 */
export function checkContent(database: DatabaseSync, paths: JournalPaths): JournalContent & { version: number } {
  const version = pragma(database, 'user_version');
  const isOurs = hasOurTables(database);
  // A newer schema has other tables: ours under a newer version are damage to the header.
  if (version > SCHEMA_VERSION && !isOurs) {
    throw new LocalFaultError(
      'JOURNAL_TOO_NEW',
      `${paths.database} was written by a newer agent (schema ${version}, this one knows ${SCHEMA_VERSION}): install that version again`,
    );
  }
  checkIntegrity(database, paths);
  if (version === 1 || version === 2) {
    return { version, executions: executionsFromOldSchema(database, version), rebuilt: false };
  }
  if (version !== SCHEMA_VERSION || !isOurs || pragma(database, 'application_id') !== APPLICATION_ID) {
    throw new JournalDamagedError(`its tables are not those of a journal of schema ${SCHEMA_VERSION}`);
  }
  const executions = [...rowsOf(database)].map(executionFromRow);
  const count = database.prepare('SELECT count(*) AS count FROM executions').get()?.['count'];
  if (count !== executions.length) throw new JournalDamagedError('it has rows with impossible numbers');
  if (new Set(executions.map(keyText)).size < executions.length) {
    throw new JournalDamagedError('an execution is in it twice');
  }
  return { version, executions, rebuilt: database.prepare('SELECT 1 FROM rebuilt').get() !== undefined };
}

/**
 * The rows of a journal of this schema, one after the other. Throws a JournalDamagedError where they cannot be read on,
 * and SQLite's errors. Not with `iterate()`: Node 22.13 frees the statement amid it, and dies.
 */
export function* rowsOf(database: DatabaseSync): Generator<Row> {
  const next = database.prepare(
    'SELECT * FROM executions LEFT JOIN documents USING (sequence) WHERE sequence > ? ORDER BY sequence LIMIT 1',
  );
  for (let row = rowAfter(next, -1); row; row = rowAfter(next, Number(row['sequence']))) yield row;
}

function rowAfter(next: StatementSync, sequence: number): Row | undefined {
  const row = rowOrDamage(() => next.get(sequence));
  // In a tree that is out of order one could go round for ever.
  if (row && !(Number(row['sequence']) > sequence)) throw new JournalDamagedError('its rows are out of order');
  return row;
}

function rowOrDamage(get: () => Row | undefined): Row | undefined {
  try {
    return get();
  } catch (error) {
    if (sqliteResult(error) !== undefined) throw error;
    // A number too large for JavaScript: none of ours.
    throw new JournalDamagedError('a row cannot be read', { cause: error });
  }
}

/** sqlite.org/fileformat2.html, section 1.3. Opened by SQLite, another program's database would be changed. */
function checkHeader(path: string, hasLog: boolean): void {
  const header = Buffer.alloc(100);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, header) === 0) throw new JournalDamagedError('its database is empty');
  } finally {
    closeSync(file);
  }
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') {
    throw new JournalDamagedError('its database is not an SQLite database');
  }
  // With other numbers than these SQLite would open the file for reading only, or in another mode.
  const mode = header[18] === header[19] ? header[18] : undefined;
  if (mode !== ROLLBACK && mode !== WAL) {
    throw new JournalDamagedError('the header of its database is not one that we write');
  }
  const version = header.readUInt32BE(60);
  const id = header.readUInt32BE(68);
  // Earlier agents had no id, and their version may be in the log yet.
  const isOld = id === 0 && mode === WAL && (hasLog || version === 1 || version === 2);
  if (id !== APPLICATION_ID && !isOld) throw new JournalDamagedError('it belongs to another program');
}

const ROLLBACK = 1;
const WAL = 2;

function hasOurTables(database: DatabaseSync): boolean {
  const found = database.prepare('SELECT name, sql FROM sqlite_schema').all();
  return found.length === Object.keys(TABLES).length && found.every(({ name, sql }) => TABLES[String(name)] === sql);
}

/** `integrity_check` puts a page that it could not read among the problems. */
function checkIntegrity(database: DatabaseSync, paths: JournalPaths): void {
  const found = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
  if (found === 'ok') return;
  const problem = String(found);
  if (!isFailedRead(problem)) throw new JournalDamagedError(problem);
  const message = `${paths.database} cannot be read: ${problem}: look at the disk`;
  throw new ThingAgentError('JOURNAL_UNAVAILABLE', message, { retryable: true });
}

/** "Failed to get page 9", "unable to get the page. error code=266": page numbers were checked before. */
function isFailedRead(problem: string): boolean {
  if (!/(?:failed|unable) to get (?:the )?page/.test(problem)) return false;
  const code = /error code=(\d+)/.exec(problem)?.[1];
  return code === undefined || !isDamage(Number(code));
}

function pragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

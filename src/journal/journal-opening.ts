import { existsSync, readFileSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { errorMessage, ThingAgentError } from '../errors.ts';
import type { Log } from '../system/log.ts';
import { checkContent, type JournalContent } from './journal-check.ts';
import { JournalDatabase, OPENING } from './journal-database.ts';
import { replaceJournal } from './journal-draft.ts';
import { JournalDamagedError, journalFault, sqliteResult } from './journal-faults.ts';
import type { JournalPaths } from './journal-paths.ts';
import { SCHEMA_VERSION } from './journal-schema.ts';

interface Opened {
  readonly database: JournalDatabase;
  readonly content: JournalContent;
}

/**
 * Opens a journal whose files have been looked at, reads all of it, and brings one of an earlier schema up to this one.
 *
 * Throws a JournalDamagedError, with the connection still open; the LocalFaultError JOURNAL_TOO_NEW; the errors of
 * SQLite and of the system.
 */
export function openDatabase(paths: JournalPaths, log: Pick<Log, 'info'>): Opened {
  const connection = new DatabaseSync(paths.database);
  const { version, ...content } = read(connection, paths);
  if (version === SCHEMA_VERSION) return { database: new JournalDatabase(paths, connection), content };
  connection.close();
  // Beside the new database its log would be taken for that one's.
  if ((statSync(paths.wal, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new ThingAgentError('JOURNAL_UNAVAILABLE', `${paths.wal} cannot be folded in: look at the disk`, {
      retryable: true,
    });
  }
  replaceJournal(paths, content.executions, content.rebuilt);
  log.info({ from: version, to: SCHEMA_VERSION }, 'the journal of an earlier agent is taken over');
  return openDatabase(paths, log);
}

/**
 * Damage counts when it shows again after the files have been read to their ends: SQLite may call a file malformed when
 * a read has failed, and a read that fails says nothing of the bytes.
 */
function read(connection: DatabaseSync, paths: JournalPaths): ReturnType<typeof checkContent> {
  try {
    try {
      return readOnce(connection, paths);
    } catch (error) {
      if (!(error instanceof JournalDamagedError)) throw error;
      for (const path of [paths.database, paths.wal]) if (existsSync(path)) readFileSync(path);
      return readOnce(connection, paths);
    }
  } catch (error) {
    if (error instanceof JournalDamagedError) {
      throw new JournalDamagedError(error.message, { cause: error, connection });
    }
    connection.close();
    throw error;
  }
}

function readOnce(connection: DatabaseSync, paths: JournalPaths): ReturnType<typeof checkContent> {
  try {
    connection.exec(OPENING);
    return checkContent(connection, paths);
  } catch (error) {
    // SQLite's plain error is about words of SQL: those of the file's own tables.
    if (sqliteResult(error) !== 1) throw journalFault(error, paths.directory);
    throw new JournalDamagedError(`its tables cannot be understood: ${errorMessage(error)}`, { cause: error });
  }
}

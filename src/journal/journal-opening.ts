import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ThingAgentError } from '../errors.ts';
import type { Log } from '../system/log.ts';
import { checkContent, type JournalContent } from './journal-check.ts';
import { JournalDatabase, OPENING } from './journal-database.ts';
import { replaceJournal } from './journal-draft.ts';
import { JournalDamagedError, journalFault } from './journal-faults.ts';
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

function read(connection: DatabaseSync, paths: JournalPaths): ReturnType<typeof checkContent> {
  try {
    connection.exec(OPENING);
    return checkContent(connection, paths);
  } catch (error) {
    const fault = journalFault(error, paths.directory);
    if (fault instanceof JournalDamagedError) {
      throw new JournalDamagedError(fault.message, { cause: error, connection });
    }
    connection.close();
    throw error;
  }
}

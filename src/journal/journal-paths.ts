import { join } from 'node:path';

/** The journal's files in a state directory. */
export interface JournalPaths {
  readonly directory: string;
  readonly database: string;
  /** SQLite's write-ahead log: there while the journal is open, and after a crash. */
  readonly wal: string;
  /** A journal that is being written anew; it counts when it has been renamed. */
  readonly draft: string;
}

export function journalPaths(directory: string): JournalPaths {
  const database = join(directory, 'journal.sqlite');
  return { directory, database, wal: `${database}-wal`, draft: `${database}.new` };
}

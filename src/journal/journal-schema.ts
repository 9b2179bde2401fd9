import { STATES } from './states.ts';

/** The version of the schema below, in SQLite's `user_version`. A newer file than the agent is a local fault. */
export const SCHEMA_VERSION = 3;

/** In the header of each journal: "ThAg". Another one is another program's file (sqlite.org/pragma.html). */
export const APPLICATION_ID = 0x54684167;

const STATE_NAMES = Object.keys(STATES)
  .map((state) => `'${state}'`)
  .join(', ');

/**
 * One row for each execution, and no index: all are in memory, so that a change costs one page or two. The document is
 * apart, for it never changes and may be large. `checksum` is over the whole row and the document (execution-row.ts).
 */
const EXECUTIONS = `CREATE TABLE executions (
  sequence INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL,
  execution_number INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN (${STATE_NAMES})),
  service_status TEXT NOT NULL,
  queued_at INTEGER NOT NULL,
  position INTEGER NOT NULL,
  named_at INTEGER NOT NULL,
  history_lost INTEGER NOT NULL,
  handler TEXT,
  step TEXT,
  progress TEXT,
  elapsed_ms INTEGER NOT NULL,
  outcome TEXT,
  details TEXT,
  finished_sequence INTEGER,
  checksum INTEGER NOT NULL
) STRICT`;

const DOCUMENTS = `CREATE TABLE documents (
  sequence INTEGER PRIMARY KEY,
  document TEXT NOT NULL
) STRICT`;

/** Has a row while the journal is one that was begun after a loss, and no complete list has come since. */
const REBUILT = `CREATE TABLE rebuilt (
  epoch_seconds INTEGER NOT NULL
) STRICT`;

/** As SQLite keeps them, by name, in `sqlite_schema`. */
export const TABLES: Readonly<Record<string, string>> = {
  executions: EXECUTIONS,
  documents: DOCUMENTS,
  rebuilt: REBUILT,
};

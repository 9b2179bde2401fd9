import type { DatabaseSync } from 'node:sqlite';
import { parsedWell, type Row, uncheckedExecution } from './execution-row.ts';
import type { StoredExecution } from './stored-execution.ts';

/** The first schema knew a step's number and attempts alone: one that had begun counts as interrupted. */
const ROWS_OF_VERSION_1 = `
  SELECT sequence, job_id, execution_number,
    CASE WHEN state = 'claimed' AND attempts > 0 THEN 'running' ELSE state END AS state,
    service_status, queued_at, position, named_at, document, handler,
    CASE WHEN state = 'claimed' THEN json_object('index', next_step, 'attempts', attempts, 'interruptions', 0,
      'stops', 0, 'failures', 0, 'reboots', 0, 'ignored', 0, 'skipped', 0) END AS step,
    outcome, details, finished_sequence
  FROM executions
`;

const ROWS_OF_VERSION_2 = `
  SELECT sequence, job_id, execution_number, state, service_status, queued_at, position, named_at, document, handler,
    step, progress, elapsed_ms, outcome, details, finished_sequence
  FROM executions
`;

/**
 * The executions of a journal that an earlier agent has written. Throws a JournalDamagedError, and SQLite's errors: its
 * plain SQLITE_ERROR where the tables are not those of that schema.
 */
export function executionsFromOldSchema(database: DatabaseSync, version: 1 | 2): StoredExecution[] {
  const rows: Row[] = database.prepare(version === 1 ? ROWS_OF_VERSION_1 : ROWS_OF_VERSION_2).all();
  return rows.map((row) => parsedWell(uncheckedExecution(row)));
}

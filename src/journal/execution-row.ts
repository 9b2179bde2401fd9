import type { SQLOutputValue } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { JournalDamagedError } from './journal-faults.ts';
import { type ExecutionState, STATES } from './states.ts';
import { isUnfinished, reportFrom, runnableFrom, type StoredExecution } from './stored-execution.ts';

/** A row as node:sqlite gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** The columns of `executions` (journal-schema.ts), but for the checksum, which is the last one. */
type Values = readonly (string | number | null)[];

/** Values for `INSERT INTO executions`, the checksum among them. */
export function rowOf(execution: StoredExecution): Values {
  const values = valuesOf(execution);
  return [...values, checksum(values, execution.document)];
}

/** Throws a JournalDamagedError. A row that is ours to the last bit has the checksum that it was written with. */
export function executionFromRow(row: Row): StoredExecution {
  const execution = uncheckedExecution(row);
  if (row['checksum'] !== checksum(valuesOf(execution), execution.document)) {
    throw new JournalDamagedError(
      `the row of ${execution.jobId}/${execution.executionNumber} is not as it was written`,
    );
  }
  return parsedWell(execution);
}

/** Of rows that have no checksum, from earlier schemas. Throws a JournalDamagedError for what cannot be understood. */
export function uncheckedExecution(row: Row): StoredExecution {
  return {
    sequence: Number(row['sequence']),
    jobId: String(row['job_id']),
    executionNumber: Number(row['execution_number']),
    state: stateFrom(row),
    serviceStatus: row['service_status'] === 'IN_PROGRESS' ? 'IN_PROGRESS' : 'QUEUED',
    queuedAt: Number(row['queued_at']),
    position: Number(row['position']),
    namedAt: Number(row['named_at']),
    historyLost: row['history_lost'] === 1,
    handler: text(row, 'handler'),
    step: text(row, 'step'),
    progress: text(row, 'progress'),
    elapsedMs: Number(row['elapsed_ms'] ?? 0),
    outcome: outcomeFrom(row),
    details: text(row, 'details'),
    finishedSequence: typeof row['finished_sequence'] === 'number' ? row['finished_sequence'] : null,
    document: text(row, 'document'),
  };
}

/** Throws a JournalDamagedError when its JSON is none, or when it has a result to be reported and lacks it. */
export function parsedWell(execution: StoredExecution): StoredExecution {
  const problem = `the row of ${execution.jobId}/${execution.executionNumber} cannot be understood`;
  try {
    if (isUnfinished(execution)) runnableFrom(execution);
    else if (execution.state === 'settled' || reportFrom(execution)) return execution;
    else throw new JournalDamagedError(`${problem}: it is finished and has no result`);
  } catch (error) {
    if (error instanceof JournalDamagedError) throw error;
    throw new JournalDamagedError(problem, { cause: error });
  }
  return execution;
}

function valuesOf(execution: StoredExecution): Values {
  return [
    execution.sequence,
    execution.jobId,
    execution.executionNumber,
    execution.state,
    execution.serviceStatus,
    execution.queuedAt,
    execution.position,
    execution.namedAt,
    execution.historyLost ? 1 : 0,
    execution.handler,
    execution.step,
    execution.progress,
    execution.elapsedMs,
    execution.outcome,
    execution.details,
    execution.finishedSequence,
  ];
}

/** SQLite has none for what is in a page: a bit that flips in a text would be believed. */
function checksum(values: Values, document: string | null): number {
  return crc32(JSON.stringify([...values, document]));
}

function text(row: Row, column: string): string | null {
  const value = row[column];
  return typeof value === 'string' ? value : null;
}

function stateFrom(row: Row): ExecutionState {
  const state = String(row['state']);
  if (isState(state)) return state;
  throw new JournalDamagedError(`an execution is in the state "${state}", which does not exist`);
}

function isState(text: string): text is ExecutionState {
  return Object.hasOwn(STATES, text);
}

function outcomeFrom(row: Row): StoredExecution['outcome'] {
  const outcome = row['outcome'];
  return outcome === 'SUCCEEDED' || outcome === 'FAILED' || outcome === 'REJECTED' ? outcome : null;
}

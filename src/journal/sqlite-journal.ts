import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { ThingAgentError } from '../errors.ts';
import {
  type ExecutionKey,
  type Journal,
  keyText,
  type ListedExecution,
  type Outcome,
  type RecordedList,
  type Report,
  type Result,
  type RunnableExecution,
} from './journal.ts';
import { keyFromRow, type Row, reportFromRow, runnableFromRow, stepFromRow } from './sqlite-rows.ts';
import { type ExecutionState, LIVE_STATES, nextState, type StateEvent } from './states.ts';
import { afterEvent, freshStep, type StepEvent } from './step-record.ts';

/** Settled executions kept against being run twice; the service itself lists at most 15 at a time. */
export const SETTLED_KEPT = 1_000;

/** Of an upsert: the row is of the job that is meant. 0: unknown. */
const SAME_JOB = 'excluded.queued_at = executions.queued_at OR excluded.queued_at = 0 OR executions.queued_at = 0';
/** The same with the job's `queuedAt` as the next parameter. */
const NO_OTHER_JOB = '(queued_at = 0 OR COALESCE(NULLIF(?, 0), queued_at) = queued_at)';

const RUNNABLE = ['queued', ...LIVE_STATES].map((state) => `'${state}'`).join(', ');

/** The journal in one SQLite file, opened and locked by journal-file.ts. */
export class SqliteJournal implements Journal {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  recordList(list: RecordedList): { added: number; dropped: number; doubtful: ListedExecution[] } {
    return this.#transaction(() => {
      const before = list.executions.map((execution, at) => this.#record(execution, list.timestamp, at));
      return {
        added: before.filter((state) => state === undefined).length,
        dropped: this.#dropUnnamed(list),
        doubtful: list.executions.filter(({ status }, at) => status === 'QUEUED' && before[at] === 'settled'),
      };
    });
  }

  recordOne(execution: ListedExecution, timestamp: number | undefined): boolean {
    return this.#transaction(() => this.#record(execution, timestamp, 0) === undefined);
  }

  runnable(): RunnableExecution[] {
    return this.#all(`
      SELECT * FROM executions WHERE state IN (${RUNNABLE})
      ORDER BY state <> 'queued' DESC, service_status = 'IN_PROGRESS' DESC, queued_at, position, sequence
    `).map(runnableFromRow);
  }

  find(key: ExecutionKey): RunnableExecution | undefined {
    const row = this.#get(
      `SELECT * FROM executions WHERE job_id = ? AND execution_number = ? AND state IN (${RUNNABLE})`,
      key.jobId,
      key.executionNumber,
    );
    return row && runnableFromRow(row);
  }

  claim(key: ExecutionKey & { queuedAt: number }, work: { document: unknown; handler: string }): void {
    // Survives: a crash right after the service accepted IN_PROGRESS. Without it the execution would be found
    // IN_PROGRESS in the next list and claimed anew, which is harmless: no step has run.
    // An upsert: a list may have dropped the row while the claim was under way.
    this.#run(
      `INSERT INTO executions (job_id, execution_number, state, service_status, queued_at, position, named_at, document,
         handler, step)
       VALUES (?, ?, 'claimed', 'IN_PROGRESS', ?, 0, 0, ?, ?, ?)
       ON CONFLICT (job_id, execution_number) DO UPDATE SET state = 'claimed', service_status = 'IN_PROGRESS',
         document = excluded.document, handler = excluded.handler, step = excluded.step, progress = NULL,
         details = NULL, elapsed_ms = 0
       WHERE ${SAME_JOB}`,
      key.jobId,
      key.executionNumber,
      key.queuedAt,
      JSON.stringify(work.document),
      work.handler,
      JSON.stringify(freshStep(0)),
    );
  }

  step(key: ExecutionKey, event: StepEvent): void {
    // Survives: `start`, a crash inside the step, counted before the act, so that a step which takes the device down
    // with it is known to have been tried; `finishStep`, a crash after it, which is not to run it again; `reboot`, the
    // reboot itself.
    this.#transaction(() => {
      const row = this.#moved(key, event.type);
      const step = afterEvent(stepFromRow(row), event);
      const over = event.type === 'finishStep' || event.type === 'skip';
      this.#run(
        `UPDATE executions SET state = ?, step = ?, elapsed_ms = ?, progress = CASE WHEN ? THEN NULL ELSE progress END,
           details = COALESCE(?, details)
         WHERE job_id = ? AND execution_number = ?`,
        row.next,
        JSON.stringify(step),
        Math.round(event.elapsedMs),
        over ? 1 : 0,
        event.type === 'finishStep' && row.next !== 'cleaning' ? JSON.stringify(event.details) : null,
        key.jobId,
        key.executionNumber,
      );
    });
  }

  saveProgress(key: ExecutionKey, value: unknown): void {
    this.#run(
      'UPDATE executions SET progress = ? WHERE job_id = ? AND execution_number = ?',
      value === undefined ? null : JSON.stringify(value),
      key.jobId,
      key.executionNumber,
    );
  }

  conclude(key: ExecutionKey, outcome: Outcome): void {
    // Survives: a crash amid the cleanup. The steps are over for good, whatever the cleanup comes to.
    this.#transaction(() => {
      const row = this.#moved(key, 'conclude');
      this.#run(
        `UPDATE executions SET state = ?, step = ?, progress = NULL, outcome = ?, details = ?
         WHERE job_id = ? AND execution_number = ?`,
        row.next,
        JSON.stringify(freshStep(0)),
        outcome === 'unwanted' ? null : outcome.status,
        outcome === 'unwanted' ? null : JSON.stringify(outcome.statusDetails),
        key.jobId,
        key.executionNumber,
      );
    });
  }

  finish(key: ExecutionKey & { queuedAt?: number }, result: Result): void {
    // Survives: a crash, a disconnect or weeks offline before the service has heard the result.
    this.#run(
      `INSERT INTO executions (job_id, execution_number, state, service_status, queued_at, position, named_at, outcome,
         details, finished_sequence)
       VALUES (?, ?, 'finished', 'IN_PROGRESS', ?, 0, 0, ?, ?,
         (SELECT COALESCE(MAX(finished_sequence), 0) + 1 FROM executions))
       ON CONFLICT (job_id, execution_number) DO UPDATE SET state = 'finished', outcome = excluded.outcome,
         details = excluded.details, document = NULL, progress = NULL, step = NULL,
         finished_sequence = excluded.finished_sequence
       WHERE ${SAME_JOB}`,
      key.jobId,
      key.executionNumber,
      key.queuedAt ?? 0,
      result.status,
      JSON.stringify(result.statusDetails),
    );
  }

  outbox(): Report[] {
    return this.#all("SELECT * FROM executions WHERE state = 'finished' ORDER BY finished_sequence").map(reportFromRow);
  }

  settle(key: ExecutionKey & { queuedAt?: number }): void {
    // Survives: a crash after the acknowledgement. Without it the result would be sent again and be rejected as final.
    this.#transaction(() => {
      this.#run(
        `UPDATE executions SET state = 'settled', details = NULL
         WHERE job_id = ? AND execution_number = ? AND ${NO_OTHER_JOB} AND state IN ('finished', 'settled')`,
        key.jobId,
        key.executionNumber,
        key.queuedAt ?? 0,
      );
      this.#run(
        `DELETE FROM executions WHERE state = 'settled' AND finished_sequence <=
           (SELECT MAX(finished_sequence) FROM executions) - ?`,
        SETTLED_KEPT,
      );
    });
  }

  forget(key: ExecutionKey & { queuedAt?: number }): void {
    this.#run(
      `DELETE FROM executions WHERE job_id = ? AND execution_number = ? AND ${NO_OTHER_JOB}`,
      key.jobId,
      key.executionNumber,
      key.queuedAt ?? 0,
    );
  }

  close(): void {
    this.#database.close();
  }

  /** Returns the state in which we know it; undefined: it was new to us. */
  #record(execution: ListedExecution, timestamp: number | undefined, position: number): ExecutionState | undefined {
    const { jobId, executionNumber, status, queuedAt } = execution;
    const known = this.#get(
      'SELECT state, queued_at FROM executions WHERE job_id = ? AND execution_number = ?',
      jobId,
      executionNumber,
    );
    // A job id may be used again after DeleteJob, and execution numbers start anew: a later queuedAt is another job, and
    // an earlier one is old news. A result that still waits for the old one must not be given to the new.
    const reused =
      known !== undefined &&
      Number(known['queued_at']) < queuedAt &&
      known['queued_at'] !== 0 &&
      (known['state'] === 'finished' || known['state'] === 'settled');
    if (reused) this.forget({ jobId, executionNumber });
    if (known && !reused) {
      this.#run(
        // What has begun here keeps the queuedAt that it began with: it is what tells it from a later job of its id.
        `UPDATE executions SET position = ?, named_at = MAX(named_at, ?),
           queued_at = CASE WHEN state = 'queued' OR queued_at = 0 THEN MAX(queued_at, ?) ELSE queued_at END,
           service_status = CASE WHEN state = 'queued' THEN ? ELSE service_status END
         WHERE job_id = ? AND execution_number = ?`,
        position,
        timestamp ?? 0,
        queuedAt,
        status,
        jobId,
        executionNumber,
      );
      return String(known['state']) as ExecutionState;
    }
    this.#run(
      `INSERT INTO executions (job_id, execution_number, state, service_status, queued_at, position, named_at)
       VALUES (?, ?, 'queued', ?, ?, ?, ?)`,
      jobId,
      executionNumber,
      status,
      queuedAt,
      position,
      timestamp ?? 0,
    );
    return undefined;
  }

  /**
   * Messages may arrive out of order (AWS developer guide, Jobs and job execution states): only a complete list that is
   * newer than the last message which named an execution may drop it. A doubtful one stays: its claim will tell.
   */
  #dropUnnamed(list: RecordedList): number {
    if (!list.complete || list.timestamp === undefined) return 0;
    const named = new Set(list.executions.map((execution) => `${execution.jobId}/${execution.executionNumber}`));
    const unnamed = this.#all(
      "SELECT job_id, execution_number FROM executions WHERE state = 'queued' AND named_at < ?",
      list.timestamp,
    )
      .map(keyFromRow)
      .filter((key) => !named.has(`${key.jobId}/${key.executionNumber}`));
    for (const key of unnamed) this.forget(key);
    return unnamed.length;
  }

  /** The row of a live execution and the state that the event takes it to. */
  #moved(key: ExecutionKey, event: StateEvent): Row & { next: ExecutionState } {
    const row = this.#get(
      'SELECT * FROM executions WHERE job_id = ? AND execution_number = ?',
      key.jobId,
      key.executionNumber,
    );
    const next = row && nextState(String(row['state']) as ExecutionState, event);
    if (row && next) return { ...row, next };
    const state = row ? String(row['state']) : 'not in the journal';
    throw new ThingAgentError('JOURNAL_STATE', `${keyText(key)} is ${state}: "${event}" cannot happen to it`);
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepare(sql).run(...values);
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values);
  }
}

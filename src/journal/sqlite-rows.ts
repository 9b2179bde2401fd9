import type { SQLOutputValue } from 'node:sqlite';
import type { DeviceOutcome, StatusDetails } from '../jobs/model.ts';
import type { ExecutionKey, Report, Result, RunnableExecution } from './journal.ts';
import { freshStep, type StepRecord } from './step-record.ts';

/** A row of `executions` (journal-file.ts has the table). */
export type Row = Record<string, SQLOutputValue>;

export function keyFromRow(row: Row): ExecutionKey {
  return { jobId: String(row['job_id']), executionNumber: Number(row['execution_number']) };
}

export function runnableFromRow(row: Row): RunnableExecution {
  const state = String(row['state']) as RunnableExecution['state'];
  return {
    ...keyFromRow(row),
    state,
    status: row['service_status'] === 'IN_PROGRESS' ? 'IN_PROGRESS' : 'QUEUED',
    queuedAt: Number(row['queued_at']),
    step: stepFromRow(row),
    progress: fromJson(row['progress']),
    details: state === 'cleaning' ? {} : ((fromJson(row['details']) ?? {}) as StatusDetails),
    elapsedMs: Number(row['elapsed_ms']),
    handler: typeof row['handler'] === 'string' ? row['handler'] : undefined,
    document: fromJson(row['document']),
    outcome: state !== 'cleaning' ? undefined : row['outcome'] === null ? 'unwanted' : resultFromRow(row),
  };
}

export function stepFromRow(row: Row): StepRecord {
  return typeof row['step'] === 'string' ? (JSON.parse(row['step']) as StepRecord) : freshStep(0);
}

function resultFromRow(row: Row): Result {
  return {
    status: String(row['outcome']) as DeviceOutcome,
    statusDetails: JSON.parse(String(row['details'])) as StatusDetails,
  };
}

function fromJson(value: SQLOutputValue | undefined): unknown {
  return typeof value === 'string' ? (JSON.parse(value) as unknown) : undefined;
}

export function reportFromRow(row: Row): Report {
  return { ...keyFromRow(row), queuedAt: Number(row['queued_at']), ...resultFromRow(row) };
}

import type { DeviceOutcome, StatusDetails } from '../jobs/model.ts';
import type { ExecutionKey, ListedExecution, Report, Result, RunnableExecution } from './journal.ts';
import type { ExecutionState } from './states.ts';
import { freshStep, type StepRecord } from './step-record.ts';

/** An execution as the journal keeps it. What is text in JSON stays so: who reads it gets a copy of his own. */
export interface StoredExecution extends ExecutionKey {
  /** Where it stands in the file; in the order in which executions became known. */
  readonly sequence: number;
  readonly state: ExecutionState;
  readonly serviceStatus: ListedExecution['status'];
  /** Epoch seconds; 0: unknown. */
  readonly queuedAt: number;
  /** In the service's order, of the list that named it last. */
  readonly position: number;
  /** The time of the newest message that named it, in epoch seconds at the service. */
  readonly namedAt: number;
  /** It may have run here before the journal was lost. */
  readonly historyLost: boolean;
  readonly handler: string | null;
  /** JSON of a StepRecord. */
  readonly step: string | null;
  /** JSON. */
  readonly progress: string | null;
  readonly elapsedMs: number;
  readonly outcome: DeviceOutcome | null;
  /** JSON of StatusDetails. */
  readonly details: string | null;
  /** The order in which executions finished. */
  readonly finishedSequence: number | null;
  /** JSON. */
  readonly document: string | null;
}

/** One of which nothing is known but that it is. */
export function freshExecution(
  { jobId, executionNumber, queuedAt = 0 }: ExecutionKey & { readonly queuedAt?: number },
  sequence: number,
): StoredExecution {
  return {
    jobId,
    executionNumber,
    sequence,
    state: 'queued',
    serviceStatus: 'QUEUED',
    queuedAt,
    position: 0,
    namedAt: 0,
    historyLost: false,
    handler: null,
    step: null,
    progress: null,
    elapsedMs: 0,
    outcome: null,
    details: null,
    finishedSequence: null,
    document: null,
  };
}

export function isUnfinished(
  execution: StoredExecution,
): execution is StoredExecution & { readonly state: RunnableExecution['state'] } {
  return execution.state !== 'finished' && execution.state !== 'settled';
}

export function runnableFrom(execution: StoredExecution & Pick<RunnableExecution, 'state'>): RunnableExecution {
  const { jobId, executionNumber, state, serviceStatus, queuedAt, historyLost, elapsedMs, handler } = execution;
  const cleaning = state === 'cleaning';
  return {
    jobId,
    executionNumber,
    state,
    status: serviceStatus,
    queuedAt,
    historyLost,
    step: stepFrom(execution),
    progress: parsed(execution.progress),
    details: cleaning ? {} : ((parsed(execution.details) ?? {}) as StatusDetails),
    elapsedMs,
    handler: handler ?? undefined,
    document: parsed(execution.document),
    outcome: cleaning ? (resultFrom(execution) ?? 'unwanted') : undefined,
  };
}

export function stepFrom({ step }: StoredExecution): StepRecord {
  return step === null ? freshStep(0) : (JSON.parse(step) as StepRecord);
}

export function reportFrom(execution: StoredExecution): Report | undefined {
  const { jobId, executionNumber, queuedAt } = execution;
  const result = resultFrom(execution);
  return result && { jobId, executionNumber, queuedAt, ...result };
}

function resultFrom({ outcome, details }: StoredExecution): Result | undefined {
  if (outcome === null) return undefined;
  return { status: outcome, statusDetails: (parsed(details) ?? {}) as StatusDetails };
}

function parsed(json: string | null): unknown {
  return json === null ? undefined : (JSON.parse(json) as unknown);
}

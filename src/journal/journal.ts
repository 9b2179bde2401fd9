import type { DeviceOutcome, StatusDetails } from '../jobs/model.ts';

/**
 * The durable queue: what the service wants done and what has been done about it. Each method is one transaction,
 * on disk when it returns. Stores: sqlite-journal.ts.
 *
 * States of an execution:
 *
 * - `queued`: named by the service, not yet claimed here. Dropped when a complete list no longer names it.
 * - `claimed`: the service has accepted IN_PROGRESS; steps run. Survives restarts and goes on at its next step.
 * - `finished`: the result is known and waits in the outbox for the service's acknowledgement.
 * - `settled`: the service has acknowledged the result, or no longer cares. Kept, so that it never runs twice.
 */
export interface Journal {
  /**
   * Takes in a pending list. Unknown executions are queued. If the list is complete and not older than the newest seen,
   * queued executions that it does not name, and that no newer message named, are dropped. Returns how many of each.
   */
  recordList(list: RecordedList): { readonly added: number; readonly dropped: number };
  /** Takes in one execution named by itself (notify-next); drops nothing. Returns whether it was unknown. */
  recordOne(execution: ListedExecution, timestamp: number | undefined): boolean;

  /** What may run, in the order to run it: claimed, then IN_PROGRESS, then by `queuedAt`, then by the service's order. */
  runnable(): readonly RunnableExecution[];

  /** The service accepted the claim: from here on the execution is ours to finish. */
  claim(
    key: ExecutionKey & { readonly queuedAt: number },
    work: { readonly document: unknown; readonly handler: string },
  ): void;
  /** Before a step's side effects: counts the attempt. */
  stepStarted(key: ExecutionKey, stepIndex: number): void;
  /** After a step's side effects: it is never run again. */
  stepFinished(key: ExecutionKey, stepIndex: number): void;
  /** The result is known: into the outbox with it. */
  finish(
    key: ExecutionKey & { readonly queuedAt?: number },
    result: { readonly status: DeviceOutcome; readonly statusDetails: StatusDetails },
  ): void;

  /** Results that wait for the service, oldest first. */
  outbox(): readonly Report[];
  /** The service acknowledged the result, or will never take it. */
  settle(key: ExecutionKey): void;
  /** The service no longer knows or wants an execution that has no result here. */
  forget(key: ExecutionKey): void;

  close(): void;
}

export interface ExecutionKey {
  readonly jobId: string;
  readonly executionNumber: number;
}

export interface ListedExecution extends ExecutionKey {
  readonly status: 'QUEUED' | 'IN_PROGRESS';
  /** Epoch seconds; with the key it tells a job from a later one of the same id. 0: unknown. */
  readonly queuedAt: number;
}

export interface RecordedList {
  /** Epoch seconds at the service; a list without a time drops nothing. */
  readonly timestamp: number | undefined;
  /** In the service's order. */
  readonly executions: readonly ListedExecution[];
  /** False when the list may have been cut at the service's limit, or was not wholly readable. */
  readonly complete: boolean;
}

export interface RunnableExecution extends ListedExecution {
  readonly state: 'queued' | 'claimed';
  /** The step to run next, from 0. */
  readonly nextStep: number;
  /** How often that step has been started. */
  readonly attempts: number;
  /** Of a claimed execution: the handler it was claimed for. */
  readonly handler: string | undefined;
  /** Of a claimed execution: the document it was claimed with. */
  readonly document: unknown;
}

export interface Report extends ExecutionKey {
  readonly status: DeviceOutcome;
  readonly statusDetails: StatusDetails;
}

/** One execution as text: for maps and sets. */
export function keyText(key: ExecutionKey): string {
  return `${key.jobId}/${key.executionNumber}`;
}

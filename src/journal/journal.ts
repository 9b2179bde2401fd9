import type { DeviceOutcome, StatusDetails } from '../jobs/model.ts';
import type { LiveState } from './states.ts';
import type { StepEvent, StepRecord } from './step-record.ts';

/**
 * The durable queue: what the service wants done and what has been done about it. Each method is one transaction, on
 * disk when it returns. The states of an execution and what may happen in each: states.ts. The store: journal-file.ts.
 * Each method throws JOURNAL_UNAVAILABLE when the disk cannot be used; nothing has changed then.
 */
export interface Journal {
  /**
   * Takes in a pending list. Unknown executions are queued. If the list is complete and not older than the newest seen,
   * queued executions that it does not name, and that no newer message named, are dropped. Returns how many of each; and
   * what it names though it is settled here: old news, another job of the same id and second, or one that the service has
   * denied by mishap.
   */
  recordList(list: RecordedList): {
    readonly added: number;
    readonly dropped: number;
    readonly doubtful: readonly ListedExecution[];
  };
  /** Takes in one execution named by itself (notify-next); drops nothing. Returns whether it was unknown. */
  recordOne(execution: ListedExecution, timestamp: number | undefined): boolean;

  /** What may run, in the order to run it: ours first, then IN_PROGRESS, then by `queuedAt`, then the service's order. */
  runnable(): readonly RunnableExecution[];
  /** The same execution as it stands now; undefined when it is not runnable. */
  find(key: ExecutionKey): RunnableExecution | undefined;

  /**
   * The service accepted the claim: from here on the execution is ours to finish. Like all that follows, it does nothing
   * where another job of the same id, with another `queuedAt`, has taken the execution's place meanwhile.
   */
  claim(
    key: ExecutionKey & { readonly queuedAt: number },
    work: { readonly document: unknown; readonly handler: string },
  ): void;
  /** What happens to the step that is due. Throws JOURNAL_STATE when states.ts does not allow it. */
  step(key: ExecutionKey, event: StepEvent): void;
  /** What the step that is due wants to find again at its next start. Kept until it has finished. */
  saveProgress(key: ExecutionKey, value: unknown): void;
  /** The outcome is known and cleanup comes next: it counts its steps from 0. */
  conclude(key: ExecutionKey, outcome: Outcome): void;
  /** The result is known: into the outbox with it. */
  finish(key: ExecutionKey & { readonly queuedAt?: number }, result: Result): void;

  /** Results that wait for the service, oldest first. */
  outbox(): readonly Report[];
  /**
   * The service acknowledged the result, or will never take it. `denied`: it says no more than that the execution is
   * gone or over, which may be a mishap: the result is kept whole.
   */
  settle(key: ExecutionKey & { readonly queuedAt?: number }, how?: 'acknowledged' | 'denied'): void;
  /**
   * The service no longer knows or wants an execution that has no result here. What has begun, or may have, is kept as
   * settled: should the service name it once more, none of its steps runs again.
   */
  forget(key: ExecutionKey & { readonly queuedAt?: number }): void;
  /** The service has what is settled here IN_PROGRESS: its result waits again, or `otherwise` where it has none. */
  reopen(key: ExecutionKey & { readonly queuedAt?: number }, otherwise: StatusDetails): void;
  /** What is settled here is another job of the same id: the next list that names it brings it in. */
  readmit(key: ExecutionKey & { readonly queuedAt?: number }): void;

  /** The journal was begun anew after a loss, and no complete list has come since: it does not know all that has begun. */
  isRebuilt(): boolean;
  /** Writes what changes nothing: does not throw when the disk can be used again. */
  probe(): void;
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

export interface Result {
  readonly status: DeviceOutcome;
  readonly statusDetails: StatusDetails;
}

/** What will be reported after the cleanup. `unwanted`: nothing, for the service has ended the execution. */
export type Outcome = Result | 'unwanted';

export interface RunnableExecution extends ListedExecution {
  readonly state: 'queued' | LiveState;
  /** The service had it IN_PROGRESS when the journal was lost: which of its steps have run, nobody knows. */
  readonly historyLost: boolean;
  readonly step: StepRecord;
  /** What that step saved last. */
  readonly progress: unknown;
  /** Of the steps that have finished. */
  readonly details: StatusDetails;
  /** How long the execution has been worked on in all. */
  readonly elapsedMs: number;
  /** Of a claimed execution: the handler it was claimed for. */
  readonly handler: string | undefined;
  /** Of a claimed execution: the document it was claimed with. */
  readonly document: unknown;
  /** Of one that is cleaning up. */
  readonly outcome: Outcome | undefined;
}

export interface Report extends ExecutionKey, Result {
  /** Epoch seconds; 0: unknown. */
  readonly queuedAt: number;
}

/** One execution as text: for maps and sets. */
export function keyText(key: ExecutionKey): string {
  return `${key.jobId}/${key.executionNumber}`;
}

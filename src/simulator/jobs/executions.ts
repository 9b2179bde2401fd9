import { type JobExecutionStatus, TERMINAL_STATUSES } from '../../jobs/model.ts';
import { MINUTE } from './configuration/minute.ts';
import type { StoredExecution, StoredJob } from './entities.ts';
import type { EventPublisher } from './event-publisher.ts';
import { ExecutionTimers } from './execution-timers.ts';
import type { JobsState } from './jobs-state.ts';

/** What a change of status may change beside it. */
export type ExecutionChanges = Partial<Pick<StoredExecution, 'statusDetails' | 'forceCanceled'>> & {
  /** Epoch ms; undefined discards the step timer. */
  readonly stepTimesOutAt?: number | undefined;
};

/** Every change of an execution: its version, its times, its timer, and who is told. What follows from it is not decided here. */
export class Executions {
  readonly #state: JobsState;
  readonly #events: EventPublisher;
  readonly #timers: ExecutionTimers;

  constructor(state: JobsState, events: EventPublisher, timedOut: (execution: StoredExecution) => void) {
    this.#state = state;
    this.#events = events;
    this.#timers = new ExecutionTimers(state.clock, timedOut);
  }

  /** The next execution of a thing: its first, or another after a failure or a return to a group. */
  queue(job: StoredJob, thingName: string, retried: StoredExecution['retried'] = { FAILED: 0, TIMED_OUT: 0 }): void {
    const now = this.#state.clock.now();
    const { jobId, namespaceId } = job;
    const execution: StoredExecution = {
      jobId,
      thingName,
      executionNumber: (this.#state.execution(thingName, jobId)?.executionNumber ?? 0) + 1,
      status: 'QUEUED',
      statusDetails: {},
      queuedAt: now,
      lastUpdatedAt: now,
      versionNumber: 1,
      sequence: this.#state.nextSequence(),
      ...(namespaceId === undefined ? {} : { namespaceId }),
      retried,
    };
    this.#state.change([thingName], namespaceId, () => this.#state.put(execution));
  }

  /** Every accepted change counts the version up. */
  change(execution: StoredExecution, status: JobExecutionStatus, changes: ExecutionChanges = {}): StoredExecution {
    const next = this.#next(execution, status, changes);
    this.#state.change([execution.thingName], execution.namespaceId, () => this.#settle(next));
    if (TERMINAL_STATUSES.has(status)) this.#events.executionEnded(next);
    return next;
  }

  /** Without a notification. */
  changeSilently(execution: StoredExecution, status: JobExecutionStatus): StoredExecution {
    const next = this.#next(execution, status, {});
    this.#settle(next);
    if (TERMINAL_STATUSES.has(status)) this.#events.executionEnded(next);
    return next;
  }

  /** The step timer alone; nothing else of the execution changes, its version neither. */
  restartStepTimer(execution: StoredExecution, stepTimesOutAt: number | undefined): StoredExecution {
    if (stepTimesOutAt === undefined) return execution;
    const next = { ...execution, stepTimesOutAt };
    this.#settle(next);
    return next;
  }

  delete(execution: StoredExecution): void {
    this.#state.change([execution.thingName], execution.namespaceId, () => this.#state.remove(execution));
    this.#timers.clear(execution);
    this.#events.executionDeleted(execution);
  }

  /** Sets the timers of what was running when the simulator stopped. */
  resume(executions: Iterable<StoredExecution>): void {
    for (const execution of executions) this.#timers.set(execution);
  }

  stop(): void {
    this.#timers.stop();
  }

  #settle(execution: StoredExecution): void {
    this.#state.put(execution);
    this.#timers.set(execution);
  }

  #next(execution: StoredExecution, status: JobExecutionStatus, changes: ExecutionChanges): StoredExecution {
    const now = this.#state.clock.now();
    const { stepTimesOutAt, ...rest } = { ...execution, ...changes };
    const starts = status === 'IN_PROGRESS' && execution.startedAt === undefined;
    const minutes = this.#state.job(execution.jobId)?.timeoutConfig?.inProgressTimeoutInMinutes;
    return {
      ...rest,
      status,
      ...(starts ? { startedAt: now } : {}),
      ...(starts && minutes !== undefined ? { timesOutAt: now + minutes * MINUTE } : {}),
      ...(stepTimesOutAt === undefined ? {} : { stepTimesOutAt }),
      lastUpdatedAt: now,
      versionNumber: execution.versionNumber + 1,
    };
  }
}

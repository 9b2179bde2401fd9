import { type JobExecutionStatus, TERMINAL_STATUSES } from '../../jobs/model.ts';
import type { Clock } from '../clock.ts';
import type { Collection, Store } from '../store.ts';
import { executionId, type StoredExecution, type StoredJob, seconds } from './entities.ts';
import { type Notification, notificationsFor } from './notifications.ts';
import { pendingOrder } from './pending-list.ts';

/** Jobs and executions, and the notifications that their changes cause. */
export class JobsState {
  readonly clock: Clock;
  readonly jobs: Collection<StoredJob>;
  readonly #executions: Collection<StoredExecution>;
  readonly #byThing: Index = new Map();
  readonly #byJob: Index = new Map();
  #notifications: Notification[] = [];
  #sequence = 0;

  constructor(store: Store, clock: Clock) {
    this.clock = clock;
    this.jobs = store.collection('jobs');
    this.#executions = store.collection('executions');
    for (const execution of this.#executions.values()) {
      this.#index(execution);
      this.#sequence = Math.max(this.#sequence, execution.sequence);
    }
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  pending(thingName: string): StoredExecution[] {
    return pendingOrder(this.#byThing.get(thingName)?.values() ?? []);
  }

  executionsOfThing(thingName: string): StoredExecution[] {
    return [...(this.#byThing.get(thingName)?.values() ?? [])];
  }

  executionsOfJob(jobId: string): StoredExecution[] {
    return [...(this.#byJob.get(jobId)?.values() ?? [])];
  }

  /** The latest execution, or the one of that number. */
  execution(thingName: string, jobId: string, executionNumber?: number): StoredExecution | undefined {
    if (executionNumber !== undefined) return this.#executions.get(executionId(thingName, jobId, executionNumber));
    return this.executionsOfThing(thingName)
      .filter((execution) => execution.jobId === jobId)
      .sort((a, b) => b.executionNumber - a.executionNumber)[0];
  }

  /** Makes a change to one thing's executions and notes what it notifies. */
  change(thingName: string, act: () => void): void {
    const before = this.pending(thingName);
    act();
    const timestamp = seconds(this.clock.now());
    const documentOf = (jobId: string) => this.jobs.get(jobId)?.document;
    this.#notifications.push(...notificationsFor(thingName, before, this.pending(thingName), timestamp, documentOf));
  }

  put(execution: StoredExecution): void {
    this.#executions.set(executionId(execution.thingName, execution.jobId, execution.executionNumber), execution);
    this.#index(execution);
  }

  remove(execution: StoredExecution): void {
    const id = executionId(execution.thingName, execution.jobId, execution.executionNumber);
    this.#executions.delete(id);
    drop(this.#byThing, execution.thingName, id);
    drop(this.#byJob, execution.jobId, id);
  }

  /** Every accepted update counts the version up. */
  transition(
    execution: StoredExecution,
    status: JobExecutionStatus,
    changes: Partial<Pick<StoredExecution, 'statusDetails' | 'stepTimeoutInMinutes' | 'forceCanceled'>> = {},
  ): StoredExecution {
    const now = this.clock.now();
    const next: StoredExecution = {
      ...execution,
      ...changes,
      status,
      ...(status === 'IN_PROGRESS' && execution.startedAt === undefined ? { startedAt: now } : {}),
      lastUpdatedAt: now,
      versionNumber: execution.versionNumber + 1,
    };
    this.change(execution.thingName, () => this.put(next));
    if (TERMINAL_STATUSES.has(status)) this.#completeJob(execution.jobId);
    return next;
  }

  /** Hands out what is to be published, in order, once. */
  takeNotifications(): Notification[] {
    const taken = this.#notifications;
    this.#notifications = [];
    return taken;
  }

  /** A SNAPSHOT job is COMPLETED when all its executions are terminal. */
  #completeJob(jobId: string): void {
    const job = this.jobs.get(jobId);
    if (job?.status !== 'IN_PROGRESS') return;
    if (!this.executionsOfJob(jobId).every((execution) => TERMINAL_STATUSES.has(execution.status))) return;
    const now = this.clock.now();
    this.jobs.set(jobId, { ...job, status: 'COMPLETED', completedAt: now, lastUpdatedAt: now });
  }

  #index(execution: StoredExecution): void {
    const id = executionId(execution.thingName, execution.jobId, execution.executionNumber);
    enter(this.#byThing, execution.thingName, id, execution);
    enter(this.#byJob, execution.jobId, id, execution);
  }
}

/** Executions by their id, under a thing or a job. */
type Index = Map<string, Map<string, StoredExecution>>;

function enter(index: Index, key: string, id: string, execution: StoredExecution): void {
  const entries = index.get(key) ?? new Map<string, StoredExecution>();
  index.set(key, entries.set(id, execution));
}

function drop(index: Index, key: string, id: string): void {
  const entries = index.get(key);
  entries?.delete(id);
  if (entries?.size === 0) index.delete(key);
}

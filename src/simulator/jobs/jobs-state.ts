import { type JobExecutionStatus, PENDING_LIST_LIMIT, TERMINAL_STATUSES } from '../../jobs/model.ts';
import type { Clock } from '../clock.ts';
import type { Collection, Store } from '../store.ts';
import { executionId, type StoredExecution, type StoredJob } from './entities.ts';
import { IndexBy } from './index-by.ts';
import { type Notification, notificationsFor } from './notifications.ts';
import { pendingOrder, WINDOW_LIST_EXTRA } from './pending-list.ts';

/** Jobs and executions, what is pending for whom, and the messages that changes cause. Decides nothing. */
export class JobsState {
  readonly clock: Clock;
  readonly #jobs: Collection<StoredJob>;
  readonly #executions: Collection<StoredExecution>;
  readonly #documentOf: (job: StoredJob) => string;
  /** Executions that have not ended, by thing. */
  readonly #pending = new IndexBy<StoredExecution>();
  readonly #byThing = new IndexBy<StoredExecution>();
  /** By `<thing>/<job>`, in the order of their numbers. */
  readonly #byThingAndJob = new IndexBy<StoredExecution>();
  /** The last execution by `<thing>/<job>`: what a job's counts count. */
  readonly #latest = new Map<string, StoredExecution>();
  readonly #byJob = new IndexBy<StoredExecution>();
  readonly #counts = new Map<string, Map<JobExecutionStatus, number>>();
  #messages: Notification[] = [];
  #sequence = 0;

  /** `documentOf` makes the text that a device is given, anew at each delivery. */
  constructor(store: Store, clock: Clock, documentOf: (job: StoredJob) => string = (job) => job.document) {
    this.clock = clock;
    this.#documentOf = documentOf;
    this.#jobs = store.collection('jobs');
    this.#executions = store.collection('executions');
    for (const execution of this.#executions.values()) {
      this.#enter(execution);
      this.#sequence = Math.max(this.#sequence, execution.sequence);
    }
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  job(jobId: string): StoredJob | undefined {
    return this.#jobs.get(jobId);
  }

  jobs(): StoredJob[] {
    return [...this.#jobs.values()];
  }

  putJob(job: StoredJob): void {
    this.#jobs.set(job.jobId, job);
  }

  /** Together with its executions. */
  removeJob(jobId: string): void {
    for (const execution of this.executionsOfJob(jobId)) this.remove(execution);
    this.#jobs.delete(jobId);
    this.#counts.delete(jobId);
  }

  /** What a device is given, placeholders replaced. */
  documentOf(jobId: string): string | undefined {
    const job = this.#jobs.get(jobId);
    return job && this.#documentOf(job);
  }

  /** In the service's order. A job that waits for its time hides its executions (developer guide, Jobs notifications). */
  pending(thingName: string, namespaceId?: string): StoredExecution[] {
    const visible = [...this.#pending.of(thingName)].filter(
      (execution) => execution.namespaceId === namespaceId && !this.#jobs.get(execution.jobId)?.hidden,
    );
    return pendingOrder(visible);
  }

  /** How many entries a list of these may have. */
  listLimit(pending: readonly StoredExecution[]): number {
    const inWindow = pending.some(({ jobId }) => this.#jobs.get(jobId)?.schedulingConfig?.maintenanceWindows);
    return inWindow ? PENDING_LIST_LIMIT + WINDOW_LIST_EXTRA : PENDING_LIST_LIMIT;
  }

  executionsOfThing(thingName: string): StoredExecution[] {
    return [...this.#byThing.of(thingName)];
  }

  executionsOfJob(jobId: string): StoredExecution[] {
    return [...this.#byJob.of(jobId)];
  }

  /** The latest execution, or the one of that number. */
  execution(thingName: string, jobId: string, executionNumber?: number): StoredExecution | undefined {
    if (executionNumber !== undefined) return this.#executions.get(executionId({ thingName, jobId, executionNumber }));
    return [...this.#byThingAndJob.of(`${thingName}/${jobId}`)].at(-1);
  }

  /** How many things' last executions of a job have this status. */
  count(jobId: string, status: JobExecutionStatus): number {
    return this.#counts.get(jobId)?.get(status) ?? 0;
  }

  /** How many things' last executions of a job have not ended. */
  unfinished(jobId: string): number {
    return this.count(jobId, 'QUEUED') + this.count(jobId, 'IN_PROGRESS');
  }

  /** Makes a change to some things' pending executions, of one namespace, and notes what it notifies. */
  change(thingNames: Iterable<string>, namespaceId: string | undefined, act: () => void): void {
    const before = [...thingNames].map((thingName) => [thingName, this.pending(thingName, namespaceId)] as const);
    act();
    const now = this.clock.now();
    for (const [thingName, earlier] of before) {
      const after = this.pending(thingName, namespaceId);
      const context = { now, listLimit: this.listLimit(after), documentOf: (jobId: string) => this.documentOf(jobId) };
      this.#messages.push(...notificationsFor({ thingName, namespaceId, before: earlier, after }, context));
    }
  }

  put(execution: StoredExecution): void {
    this.#executions.set(executionId(execution), execution);
    this.#enter(execution);
  }

  remove(execution: StoredExecution): void {
    const { thingName, jobId } = execution;
    const id = executionId(execution);
    this.#executions.delete(id);
    for (const index of [this.#pending, this.#byThing]) index.drop(thingName, id);
    this.#byJob.drop(jobId, id);
    this.#byThingAndJob.drop(`${thingName}/${jobId}`, id);
    this.#recount(thingName, jobId);
  }

  /** Something to publish, in its turn. */
  note(message: Notification): void {
    this.#messages.push(message);
  }

  /** Hands out what is to be published, in order, once. */
  takeMessages(): Notification[] {
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    for (const job of this.jobs()) this.removeJob(job.jobId);
    this.#messages = [];
  }

  #enter(execution: StoredExecution): void {
    const { thingName, jobId } = execution;
    const id = executionId(execution);
    this.#byThing.enter(thingName, id, execution);
    this.#byJob.enter(jobId, id, execution);
    this.#byThingAndJob.enter(`${thingName}/${jobId}`, id, execution);
    if (TERMINAL_STATUSES.has(execution.status)) this.#pending.drop(thingName, id);
    else this.#pending.enter(thingName, id, execution);
    this.#recount(thingName, jobId);
  }

  /** Kept as changes come: a fleet of thousands has its job counted at each of their reports. */
  #recount(thingName: string, jobId: string): void {
    const key = `${thingName}/${jobId}`;
    const before = this.#latest.get(key);
    const after = this.execution(thingName, jobId);
    const counts = this.#counts.get(jobId) ?? new Map<JobExecutionStatus, number>();
    this.#counts.set(jobId, counts);
    if (before) counts.set(before.status, (counts.get(before.status) ?? 0) - 1);
    if (after) counts.set(after.status, (counts.get(after.status) ?? 0) + 1);
    if (after) this.#latest.set(key, after);
    else this.#latest.delete(key);
  }
}

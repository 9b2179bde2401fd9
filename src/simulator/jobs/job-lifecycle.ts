import { type JobExecutionStatus, TERMINAL_STATUSES } from '../../jobs/model.ts';
import type { Decisions } from '../decisions.ts';
import { abortCriterion } from './configuration/abort.ts';
import { MINUTE } from './configuration/minute.ts';
import { mayRetry } from './configuration/retry.ts';
import { ratePerMinute } from './configuration/rollout.ts';
import { endOf, isOpen, nextChange } from './configuration/scheduling.ts';
import { isActive, type StoredExecution, type StoredJob } from './entities.ts';
import type { EventPublisher } from './event-publisher.ts';
import { type ExecutionChanges, Executions } from './executions.ts';
import { JobWakes } from './job-wakes.ts';
import type { JobsState } from './jobs-state.ts';

/** Why a job is cancelled. */
export interface CancelReason {
  readonly force: boolean;
  readonly reasonCode?: string | undefined;
  readonly comment?: string | undefined;
}

/** What the service does of itself: rollout, retries, aborts, schedules, completion, and what a cancel or deletion entails. */
export class JobLifecycle {
  readonly #state: JobsState;
  readonly #events: EventPublisher;
  readonly #executions: Executions;
  readonly #thingExists: (thingName: string) => boolean;
  readonly #decisions: () => Decisions;
  readonly #deleted: (job: StoredJob) => void;
  readonly #wakes: JobWakes;
  /** Until when a job's window cannot open or close, epoch ms. */
  readonly #settledUntil = new Map<string, number>();

  constructor(deps: {
    state: JobsState;
    events: EventPublisher;
    thingExists: (thingName: string) => boolean;
    decisions: () => Decisions;
    /** Called after whatever the clock caused, so that its messages are sent. */
    woken: () => void;
    /** A job is gone. */
    deleted: (job: StoredJob) => void;
  }) {
    this.#state = deps.state;
    this.#events = deps.events;
    this.#thingExists = deps.thingExists;
    this.#decisions = deps.decisions;
    this.#wakes = new JobWakes(deps.state.clock, () => deps.woken());
    this.#deleted = deps.deleted;
    this.#executions = new Executions(deps.state, deps.events, (execution) => {
      this.transition(execution, 'TIMED_OUT');
      deps.woken();
    });
  }

  /** Goes on after a restart: what came due in the meantime happens now, timers and ends in the order of their times. */
  resume(): void {
    const now = this.#state.clock.now();
    for (const job of this.#state.jobs()) {
      const { jobId, schedulingConfig } = job;
      this.#executions.resume(this.#state.executionsOfJob(jobId));
      if (job.status === 'DELETION_IN_PROGRESS') this.#awaitDeletion(job);
      else {
        // A rollout that was due before the end gives before it.
        const due = job.status === 'IN_PROGRESS' && job.waiting.length > 0 ? job.rolloutMinute.startedAt + MINUTE : now;
        const end = endOf(schedulingConfig) ?? now;
        if (due < end) this.#rollOut(jobId);
        this.#wakes.set(jobId, Math.min(now, end), () => this.#advance(jobId));
      }
    }
  }

  /** Keeps no more appointments. */
  stop(): void {
    this.#wakes.stop();
    this.#settledUntil.clear();
    this.#executions.stop();
  }

  /** A new job; its things have been listed as waiting. */
  begin(job: StoredJob): void {
    this.#state.putJob(job);
    this.#advance(job.jobId);
  }

  /** Things that have not been given the job yet, or had it taken away; the others keep what they were given. */
  add(job: StoredJob, things: readonly string[]): void {
    const waiting = new Set(job.waiting);
    const fresh = things.filter((thing) => {
      const last = this.#state.execution(thing, job.jobId);
      return !waiting.has(thing) && (last === undefined || last.status === 'REMOVED');
    });
    this.#state.putJob({ ...job, waiting: [...job.waiting, ...fresh] });
    this.#advance(job.jobId);
  }

  /** At once, whatever the rollout rate. */
  give(job: StoredJob, things: readonly string[]): void {
    this.#state.putJob({ ...job, notified: job.notified + things.length });
    for (const thingName of things) this.#executions.queue(job, thingName);
  }

  transition(execution: StoredExecution, status: JobExecutionStatus, changes: ExecutionChanges = {}): StoredExecution {
    const next = this.#executions.change(execution, status, changes);
    if (TERMINAL_STATUSES.has(status)) this.#followUp(next);
    return next;
  }

  /** Without a notification. */
  transitionSilently(execution: StoredExecution, status: JobExecutionStatus): void {
    this.#followUp(this.#executions.changeSilently(execution, status));
  }

  /** A thing that waits for a job and is gone. */
  withdraw(thingName: string): void {
    for (const job of this.#state.jobs()) {
      if (!isActive(job) || !job.waiting.includes(thingName)) continue;
      this.#state.putJob({ ...job, waiting: job.waiting.filter((waiting) => waiting !== thingName) });
      this.#advance(job.jobId);
    }
  }

  restartStepTimer(execution: StoredExecution, stepTimesOutAt: number | undefined): StoredExecution {
    return this.#executions.restartStepTimer(execution, stepTimesOutAt);
  }

  deleteExecution(execution: StoredExecution): void {
    this.#executions.delete(execution);
    this.#advance(execution.jobId);
  }

  /** Executions that run go on unless it is forced; the job itself is CANCELED at once. */
  cancel(job: StoredJob, { force, reasonCode, comment }: CancelReason): void {
    const now = this.#state.clock.now();
    const canceled: StoredJob = {
      ...job,
      status: 'CANCELED',
      waiting: [],
      lastUpdatedAt: now,
      completedAt: now,
      ...(force ? { forceCanceled: true } : {}),
      ...(reasonCode === undefined ? {} : { reasonCode }),
      ...(comment === undefined ? {} : { comment }),
    };
    this.#events.job('cancellation_in_progress', canceled);
    // First the executions: those that a scheduled job hides end unseen. What runs on is not hidden any more.
    this.#cancelExecutions(job, force);
    this.#reveal({ ...canceled, hidden: false });
    this.#wakes.clear(job.jobId);
    this.#events.job('canceled', canceled);
  }

  /** The job and its executions are gone, at once or after the time that was decided. */
  delete(job: StoredJob): void {
    const { jobId } = job;
    const now = this.#state.clock.now();
    this.#wakes.clear(jobId);
    const { deletionSeconds } = this.#decisions();
    const deletedAt = now + deletionSeconds * 1000;
    const deleting: StoredJob = { ...job, status: 'DELETION_IN_PROGRESS', lastUpdatedAt: now, deletedAt };
    this.#state.putJob(deleting);
    this.#events.job('deletion_in_progress', deleting);
    this.#awaitDeletion(deleting);
  }

  #awaitDeletion({ jobId, deletedAt = 0 }: StoredJob): void {
    if (deletedAt <= this.#state.clock.now()) this.#finishDeletion(jobId);
    else this.#wakes.set(jobId, deletedAt, () => this.#finishDeletion(jobId));
  }

  #finishDeletion(jobId: string): void {
    const job = this.#state.job(jobId);
    if (!job) return;
    for (const execution of this.#state.executionsOfJob(jobId)) this.#executions.delete(execution);
    this.#state.removeJob(jobId);
    this.#settledUntil.delete(jobId);
    this.#deleted(job);
    this.#events.job('deleted', job);
  }

  /** What one execution's end means for its job. */
  #followUp(execution: StoredExecution): void {
    const job = this.#state.job(execution.jobId);
    const { status, retried } = execution;
    if (!job || !isActive(job)) return;
    const failed = status === 'FAILED' || status === 'TIMED_OUT';
    const mayRun = !job.ended && this.#thingExists(execution.thingName);
    if (failed && mayRun && mayRetry(job.jobExecutionsRetryConfig, status, retried)) {
      this.#executions.queue(job, execution.thingName, { ...retried, [status]: retried[status] + 1 });
      return;
    }
    this.#abort(job);
    this.#advance(job.jobId);
  }

  /** Only QUEUED executions are cancelled; what runs goes on (developer guide, How job configurations work). */
  #abort(job: StoredJob): void {
    const met = abortCriterion(job.abortConfig, (status) => this.#state.count(job.jobId, status));
    if (!met) return;
    const { failureType, thresholdPercentage } = met;
    // Which words the service uses is not known.
    const comment = `Abort criteria met: ${failureType} reached ${thresholdPercentage} percent`;
    this.cancel(job, { force: false, reasonCode: 'ABORT_INITIATED', comment });
  }

  /** Brings a job to where it has to be now: its end, its window, its rollout, its completion. */
  #advance(jobId: string): void {
    this.#endInTime(jobId);
    this.#openOrClose(jobId);
    this.#rollOut(jobId);
    this.#complete(jobId);
    this.#scheduleNext(jobId);
  }

  /** After its end a job's windows do not count any more: what was given to things may be finished (our decision). */
  #endInTime(jobId: string): void {
    const job = this.#active(jobId);
    const end = endOf(job?.schedulingConfig);
    const now = this.#state.clock.now();
    if (!job || job.ended || end === undefined || now < end) return;
    const behavior = job.schedulingConfig?.endBehavior;
    // STOP_ROLLOUT leaves what was given. What is cancelled ends as hidden as it was.
    if (behavior === 'CANCEL' || behavior === 'FORCE_CANCEL') this.#cancelExecutions(job, behavior === 'FORCE_CANCEL');
    this.#reveal({ ...job, status: 'IN_PROGRESS', hidden: false, ended: true, waiting: [], lastUpdatedAt: now });
  }

  #openOrClose(jobId: string): void {
    const job = this.#active(jobId);
    const now = this.#state.clock.now();
    // Between two changes there is nothing to find out, and cron expressions are dear.
    if (!job?.schedulingConfig || job.ended || now < (this.#settledUntil.get(jobId) ?? 0)) return;
    this.#settledUntil.set(jobId, nextChange(job.schedulingConfig, now) ?? Number.POSITIVE_INFINITY);
    const open = isOpen(job.schedulingConfig, now);
    const status = open ? 'IN_PROGRESS' : 'SCHEDULED';
    if (status !== job.status) this.#reveal({ ...job, status, hidden: !open, lastUpdatedAt: now });
  }

  /** Puts a job whose executions may be seen now, or not any more: their things are told of another list. */
  #reveal(job: StoredJob): void {
    const { jobId, namespaceId } = job;
    const pending = this.#state.executionsOfJob(jobId).filter(({ status }) => !TERMINAL_STATUSES.has(status));
    const things = new Set(pending.map(({ thingName }) => thingName));
    this.#state.change(things, namespaceId, () => this.#state.putJob(job));
  }

  #rollOut(jobId: string): void {
    const job = this.#active(jobId);
    if (job?.status !== 'IN_PROGRESS' || job.waiting.length === 0) return;
    const now = this.#state.clock.now();
    const over = now >= job.rolloutMinute.startedAt + MINUTE;
    // The rate of a minute is fixed when it begins: it must not depend on when devices report within it.
    const { startedAt, rate, given } = over ? { startedAt: now, rate: this.#rate(job), given: 0 } : job.rolloutMinute;
    const room = Math.max(0, rate - given);
    // Whatever ends within a full minute changes nothing, and the list of those that wait may be long.
    if (room === 0) return;
    const things = job.waiting.slice(0, room);
    const rolloutMinute = { startedAt, rate, given: given + things.length };
    this.give(
      { ...job, waiting: job.waiting.slice(room), rolloutMinute },
      things.filter((thing) => this.#thingExists(thing)),
    );
  }

  #rate(job: StoredJob): number {
    return ratePerMinute(job.jobExecutionsRolloutConfig, job.notified, this.#state.count(job.jobId, 'SUCCEEDED'));
  }

  #complete(jobId: string): void {
    const job = this.#active(jobId);
    if (!job || job.waiting.length > 0 || this.#state.unfinished(jobId) > 0) return;
    // One that has not begun is not done; outside its windows one can be.
    if (job.status === 'SCHEDULED' && job.notified === 0) return;
    // Without an end a CONTINUOUS job goes on for ever (developer guide, Jobs and job execution states).
    if (job.targetSelection === 'CONTINUOUS' && !job.ended) return;
    const now = this.#state.clock.now();
    const completed: StoredJob = { ...job, status: 'COMPLETED', completedAt: now, lastUpdatedAt: now };
    this.#state.putJob(completed);
    this.#events.job('completed', completed);
  }

  #cancelExecutions({ jobId }: StoredJob, force: boolean): void {
    for (const execution of this.#state.executionsOfJob(jobId)) {
      if (execution.status === 'QUEUED' || (force && execution.status === 'IN_PROGRESS')) {
        this.#executions.change(execution, 'CANCELED', force ? { forceCanceled: true } : {});
      }
    }
  }

  #scheduleNext(jobId: string): void {
    this.#wakes.clear(jobId);
    const job = this.#active(jobId);
    if (!job) return;
    const rollsOut = job.status === 'IN_PROGRESS' && job.waiting.length > 0;
    const times = [
      rollsOut ? job.rolloutMinute.startedAt + MINUTE : undefined,
      job.ended ? undefined : this.#settledUntil.get(jobId),
    ].filter((time): time is number => time !== undefined && Number.isFinite(time));
    if (times.length > 0) this.#wakes.set(jobId, Math.min(...times), () => this.#advance(jobId));
  }

  #active(jobId: string): StoredJob | undefined {
    const job = this.#state.job(jobId);
    return job && isActive(job) ? job : undefined;
  }
}

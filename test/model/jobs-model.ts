import { MessagesModel } from './messages-model.ts';
import {
  type Details,
  deadline,
  defined,
  type Execution,
  full,
  isPending,
  type Job,
  type JobRequest,
  Refusal,
  type Status,
  state,
} from './records.ts';
import { RegistryModel } from './registry-model.ts';
import { isOpen } from './schedule-model.ts';

export const MINUTE = 60_000;

export interface UpdateRequest {
  readonly status?: string | undefined;
  readonly statusDetails?: Details | undefined;
  readonly expectedVersion?: number | undefined;
  readonly executionNumber?: number | undefined;
  readonly stepTimeoutInMinutes?: number | undefined;
  readonly includeJobExecutionState?: boolean | undefined;
  readonly includeJobDocument?: boolean | undefined;
}

/**
 * AWS IoT Jobs once more, as small and as slow as it can be: two lists, and the rules of docs/protocol.md (States and
 * versions, What the service does of itself) one after the other. It knows nothing of the simulator.
 */
export class JobsModel {
  readonly registry = new RegistryModel();
  readonly jobs: Job[] = [];
  /** In the order of their creation, which is the order of `queuedAt` with its ties broken. */
  readonly executions: Execution[] = [];
  readonly messages: MessagesModel;
  readonly #epoch: number;
  now: number;

  constructor(now: number) {
    this.#epoch = now;
    this.now = now;
    this.messages = new MessagesModel(this);
  }

  // --- The registry

  deleteThing(thing: string): void {
    if (!this.registry.deleteThing(thing)) return;
    for (const job of this.jobs.filter((one) => isActive(one) && one.waiting.includes(thing))) {
      job.waiting = job.waiting.filter((name) => name !== thing);
      this.#reconsider(job);
    }
    // Our decision, as the simulator's: REMOVED, and nobody is told (docs/protocol.md, P79).
    for (const execution of this.executions.filter((one) => one.thing === thing && isPending(one))) {
      this.#set(execution, 'REMOVED');
      this.#followUp(execution);
    }
  }

  join(thing: string, group: string): void {
    const others = this.#continuous().filter((job) => !this.registry.isTarget(thing, job.targets));
    this.registry.join(thing, group);
    for (const job of others.filter((one) => this.registry.isTarget(thing, one.targets))) {
      const last = this.latest(thing, job);
      if (job.waiting.includes(thing) || (last && isPending(last))) continue;
      if (job.status === 'SCHEDULED') job.waiting.push(thing);
      else this.#queue(job, thing);
    }
  }

  leave(thing: string, group: string): void {
    this.registry.leave(thing, group);
    for (const job of this.#continuous()) {
      if (this.registry.isTarget(thing, job.targets)) continue;
      job.waiting = job.waiting.filter((name) => name !== thing);
      const last = this.latest(thing, job);
      if (last && isPending(last)) this.#end(last, 'REMOVED');
    }
  }

  // --- Operators

  createJob(id: string, request: JobRequest): void {
    if (this.job(id)) throw new Refusal('ResourceAlreadyExistsException');
    this.registry.checkTargets(request.targets);
    const retriesTimeouts = request.retry?.some(({ failureType }) => failureType === 'TIMED_OUT');
    if (retriesTimeouts && request.timeout === undefined) throw new Refusal('InvalidRequestException');
    const job: Job = {
      id,
      request,
      createdAt: this.now,
      status: 'IN_PROGRESS',
      targets: [...new Set(request.targets)],
      timeout: request.timeout,
      retry: request.retry ?? [],
      waiting: this.registry.thingsOf(request.targets),
      minute: { from: this.now, given: 0 },
      begun: false,
      ended: false,
      forceCanceled: false,
    };
    this.jobs.push(job);
    this.#reconsider(job);
  }

  associateTargets(id: string, targets: readonly string[]): void {
    const job = this.#requireJob(id);
    this.registry.checkTargets(targets);
    if (!job.request.continuous || job.status !== 'IN_PROGRESS' || job.ended)
      throw new Refusal('InvalidRequestException');
    job.targets = [...new Set([...job.targets, ...targets])];
    const fresh = this.registry
      .thingsOf(targets)
      .filter((thing) => !job.waiting.includes(thing) && (this.latest(thing, job)?.status ?? 'REMOVED') === 'REMOVED');
    job.waiting.push(...fresh);
    this.#reconsider(job);
  }

  /** Retries can only be switched off; a timeout is for executions that start later. */
  updateJob(id: string, change: { retries?: number | undefined; timeout?: number | undefined }): void {
    const job = this.#requireJob(id);
    if (!isActive(job)) throw new Refusal('InvalidRequestException');
    if (change.retries !== undefined && change.retries > 0) throw new Refusal('InvalidRequestException');
    if (change.retries === 0) job.retry = [];
    if (change.timeout !== undefined) job.timeout = change.timeout;
  }

  cancelJob(id: string, force: boolean): void {
    const job = this.#requireJob(id);
    if (!isActive(job)) throw new Refusal('InvalidRequestException');
    this.#cancel(job, force);
  }

  deleteJob(id: string, force: boolean): void {
    const job = this.#requireJob(id);
    if (isActive(job) && !force) throw new Refusal('InvalidStateTransitionException');
    for (const execution of this.executionsOf(job)) this.#remove(execution);
    this.jobs.splice(this.jobs.indexOf(job), 1);
  }

  cancelExecution(
    thing: string,
    id: string,
    { force, expectedVersion, statusDetails }: { force: boolean; expectedVersion?: number; statusDetails?: Details },
  ): void {
    const execution = this.#require(thing, id);
    checkDetails(statusDetails);
    if (expectedVersion !== undefined && expectedVersion !== execution.version) {
      throw new Refusal('VersionConflictException');
    }
    if (!isPending(execution) || (execution.status === 'IN_PROGRESS' && !force)) {
      throw new Refusal('InvalidStateTransitionException');
    }
    if (statusDetails) execution.details = statusDetails;
    execution.forceCanceled = force;
    this.#end(execution, 'CANCELED');
  }

  deleteExecution(thing: string, id: string, number: number, force: boolean): void {
    const execution = this.#require(thing, id, number);
    if (execution.status === 'IN_PROGRESS' && !force) throw new Refusal('InvalidStateTransitionException');
    this.#remove(execution);
    this.#reconsider(execution.job);
  }

  // --- Devices

  getPending(thing: string): object {
    this.#requireThing(thing);
    const { inProgress, queued } = this.messages.lists(thing, undefined);
    return { inProgressJobs: inProgress, queuedJobs: queued };
  }

  startNext(thing: string, request: { statusDetails?: Details; stepTimeoutInMinutes?: number }): object {
    this.#requireThing(thing);
    checkDetails(request.statusDetails);
    checkStep(request.stepTimeoutInMinutes, false);
    const first = this.pending(thing, undefined)[0];
    if (!first) return {};
    if (first.status === 'QUEUED') this.#start(first, request);
    return { execution: full(first, this.now) };
  }

  describe(
    thing: string,
    id: string,
    request: { executionNumber?: number; includeJobDocument?: boolean },
    namespace?: string,
  ): object {
    this.#requireThing(thing);
    const withDocument = request.includeJobDocument ?? true;
    if (id === '$next') {
      const first = this.pending(thing, namespace)[0];
      return first ? { execution: full(first, this.now, withDocument) } : {};
    }
    const execution = this.#require(thing, id, request.executionNumber, namespace);
    if (!isPending(execution)) throw new Refusal('TerminalStateException');
    return { execution: full(execution, this.now, withDocument) };
  }

  update(thing: string, id: string, request: UpdateRequest, namespace?: string): object {
    this.#requireThing(thing);
    const { status, statusDetails, expectedVersion, stepTimeoutInMinutes } = request;
    if (status !== 'IN_PROGRESS' && status !== 'SUCCEEDED' && status !== 'FAILED' && status !== 'REJECTED') {
      throw new Refusal('InvalidRequestException');
    }
    checkDetails(statusDetails);
    checkStep(stepTimeoutInMinutes, true);
    const execution = this.#require(thing, id, request.executionNumber, namespace);
    if (!isPending(execution)) throw new Refusal('InvalidStateTransitionException', state(execution));
    if (expectedVersion !== undefined && expectedVersion !== execution.version) {
      throw new Refusal('VersionMismatch', state(execution));
    }
    // Before anything follows from it: the answer speaks of the update.
    let answer = {};
    const answered = (): void => {
      answer = defined({
        executionState: request.includeJobExecutionState ? state(execution) : undefined,
        jobDocument: request.includeJobDocument ? { a: 1 } : undefined,
      });
    };
    if (status === 'IN_PROGRESS') this.#start(execution, request);
    else {
      if (statusDetails) execution.details = statusDetails;
      this.#end(execution, status);
    }
    answered();
    return answer;
  }

  // --- Time

  advance(milliseconds: number): void {
    const target = this.now + milliseconds;
    for (;;) {
      const [next] = this.#appointments().sort((a, b) => a.at - b.at);
      if (!next || next.at > target) break;
      this.now = next.at;
      next.act();
    }
    this.now = target;
  }

  #appointments(): { at: number; act: () => void }[] {
    const timers = this.executions.flatMap((execution) => {
      const at = deadline(execution);
      return at === undefined ? [] : [{ at, act: () => this.#end(execution, 'TIMED_OUT') }];
    });
    const nextMinute = this.#epoch + (Math.floor((this.now - this.#epoch) / MINUTE) + 1) * MINUTE;
    const scheduled = () => this.jobs.filter((job) => isActive(job) && job.request.schedule);
    const schedules = {
      at: nextMinute,
      act: () => {
        for (const job of scheduled()) this.#reconsider(job);
      },
    };
    const rollouts = this.jobs
      .filter((job) => job.status === 'IN_PROGRESS' && job.waiting.length > 0)
      .map((job) => ({ at: job.minute.from + MINUTE, act: () => this.#reconsider(job) }));
    return [...timers, ...rollouts, ...(scheduled().length > 0 ? [schedules] : [])];
  }

  // --- What is asked often

  job(id: string): Job | undefined {
    return this.jobs.find((job) => job.id === id);
  }

  executionsOf(job: Job): Execution[] {
    return this.executions.filter((execution) => execution.job === job);
  }

  latest(thing: string, job: Job): Execution | undefined {
    const [last] = this.executionsOf(job)
      .filter((execution) => execution.thing === thing)
      .sort((a, b) => b.number - a.number);
    return last;
  }

  /** Section 5, Sorting. A job that waits for its time hides its executions (section 4.6). */
  pending(thing: string, namespace: string | undefined): Execution[] {
    const visible = this.executions.filter(
      (execution) =>
        execution.thing === thing &&
        execution.job.request.namespace === namespace &&
        isPending(execution) &&
        execution.job.status !== 'SCHEDULED',
    );
    const of = (status: Status) => visible.filter((execution) => execution.status === status);
    return [...of('IN_PROGRESS'), ...of('QUEUED')];
  }

  /** Each thing counts once, by its latest execution (docs/protocol.md, P84). */
  count(job: Job, status: Status): number {
    const things = new Set(this.executionsOf(job).map(({ thing }) => thing));
    return [...things].filter((thing) => this.latest(thing, job)?.status === status).length;
  }

  // --- Executions

  #queue(job: Job, thing: string, retried = { FAILED: 0, TIMED_OUT: 0 }): void {
    const execution: Execution = {
      thing,
      job,
      retried,
      number: (this.latest(thing, job)?.number ?? 0) + 1,
      queuedAt: this.now,
      status: 'QUEUED',
      details: {},
      version: 1,
      updatedAt: this.now,
      forceCanceled: false,
    };
    this.executions.push(execution);
    job.begun = true;
    this.messages.queued(execution);
  }

  /** IN_PROGRESS, for the first time or again. */
  #start(
    execution: Execution,
    request: { statusDetails?: Details | undefined; stepTimeoutInMinutes?: number | undefined },
  ): void {
    const { statusDetails, stepTimeoutInMinutes: step } = request;
    const starts = execution.status === 'QUEUED';
    const first = this.messages.first(execution);
    if (starts) {
      execution.startedAt = this.now;
      if (execution.job.timeout !== undefined) execution.inProgressEnd = this.now + execution.job.timeout * MINUTE;
    }
    if (statusDetails) execution.details = statusDetails;
    if (step !== undefined) execution.stepEnd = step === -1 ? undefined : this.now + step * MINUTE;
    this.#set(execution, 'IN_PROGRESS');
    if (starts) this.messages.started(execution, first);
  }

  #end(execution: Execution, status: Status): void {
    const first = this.messages.first(execution);
    this.#set(execution, status);
    this.messages.left(execution, first);
    this.#followUp(execution);
  }

  #set(execution: Execution, status: Status): void {
    execution.status = status;
    execution.version += 1;
    execution.updatedAt = this.now;
  }

  #remove(execution: Execution): void {
    const first = this.messages.first(execution);
    const pending = isPending(execution);
    this.executions.splice(this.executions.indexOf(execution), 1);
    if (pending) this.messages.left(execution, first);
  }

  // --- Jobs

  /** Sections 4.3 and 4.6: a retry, or else an abort or the job's completion. */
  #followUp({ job, thing, status, retried }: Execution): void {
    if (!isActive(job)) return;
    if ((status === 'FAILED' || status === 'TIMED_OUT') && !job.ended) {
      const rule = job.retry.find(({ failureType }) => failureType === status || failureType === 'ALL');
      const used = rule?.failureType === 'ALL' ? retried.FAILED + retried.TIMED_OUT : retried[status];
      if (rule && used < rule.numberOfRetries) {
        this.#queue(job, thing, { ...retried, [status]: retried[status] + 1 });
        return;
      }
    }
    if (this.#mustAbort(job)) this.#cancel(job, false);
    this.#reconsider(job);
  }

  #mustAbort(job: Job): boolean {
    const all = ['FAILED', 'REJECTED', 'TIMED_OUT'] as const;
    const count = (statuses: readonly Status[]) => statuses.reduce((sum, status) => sum + this.count(job, status), 0);
    const executed = count([...all, 'SUCCEEDED', 'CANCELED', 'REMOVED']);
    return (job.request.abort ?? []).some((rule) => {
      const failed = count(rule.failureType === 'ALL' ? all : [rule.failureType]);
      const percentage = (failed / executed) * 100;
      return failed > 0 && executed >= rule.minNumberOfExecutedThings && percentage >= rule.thresholdPercentage;
    });
  }

  #cancel(job: Job, force: boolean): void {
    job.waiting = [];
    this.#cancelExecutions(job, force);
    this.messages.whileChanging(job, () => {
      job.status = 'CANCELED';
    });
    job.completedAt = this.now;
    job.forceCanceled = force;
  }

  #cancelExecutions(job: Job, force: boolean): void {
    for (const execution of this.executionsOf(job)) {
      if (execution.status !== 'QUEUED' && !(force && execution.status === 'IN_PROGRESS')) continue;
      const first = this.messages.first(execution);
      if (force) execution.forceCanceled = true;
      this.#set(execution, 'CANCELED');
      this.messages.left(execution, first);
    }
  }

  /** Where a job has to be at this time: its schedule, its rollout, its completion. */
  #reconsider(job: Job): void {
    if (!isActive(job)) return;
    const { schedule = {}, rate = 1000, continuous } = job.request;
    const minute = (this.now - this.#epoch) / MINUTE;
    if (schedule.end !== undefined && minute >= schedule.end && !job.ended) {
      job.ended = true;
      job.waiting = [];
      // What is hidden is cancelled unseen.
      if (schedule.endBehavior === 'CANCEL') this.#cancelExecutions(job, false);
      if (schedule.endBehavior === 'FORCE_CANCEL') this.#cancelExecutions(job, true);
      this.#showOrHide(job, true);
    }
    this.#showOrHide(job, job.ended || isOpen(schedule, minute));
    if (job.status === 'IN_PROGRESS') this.#rollOut(job, rate);
    // One that has not begun is not done.
    if (job.status === 'SCHEDULED' && !job.begun) return;
    if (continuous && !job.ended) return;
    if (job.waiting.length > 0 || this.count(job, 'QUEUED') + this.count(job, 'IN_PROGRESS') > 0) return;
    job.status = 'COMPLETED';
    job.completedAt = this.now;
  }

  #rollOut(job: Job, rate: number): void {
    const over = this.now >= job.minute.from + MINUTE;
    if (over && job.waiting.length > 0) job.minute = { from: this.now, given: 0 };
    while (job.waiting.length > 0 && job.minute.given < rate) {
      const thing = job.waiting.shift() ?? '';
      job.minute.given += 1;
      if (this.registry.exists(thing)) this.#queue(job, thing);
    }
  }

  #showOrHide(job: Job, open: boolean): void {
    this.messages.whileChanging(job, () => {
      job.status = open ? 'IN_PROGRESS' : 'SCHEDULED';
    });
  }

  #continuous(): Job[] {
    return this.jobs.filter((job) => isActive(job) && job.request.continuous && !job.ended);
  }

  #requireJob(id: string): Job {
    const job = this.job(id);
    if (!job) throw new Refusal('ResourceNotFoundException');
    return job;
  }

  #requireThing(thing: string): void {
    if (!this.registry.exists(thing)) throw new Refusal('ResourceNotFoundException');
  }

  #require(thing: string, id: string, number?: number, namespace?: string): Execution {
    const job = this.#requireJob(id);
    const wanted = number ?? this.latest(thing, job)?.number;
    const found = this.executionsOf(job).find((one) => one.thing === thing && one.number === wanted);
    if (!found || (namespace !== undefined && job.request.namespace !== namespace)) {
      throw new Refusal('ResourceNotFoundException');
    }
    return found;
  }
}

function isActive({ status }: Job): boolean {
  return status === 'IN_PROGRESS' || status === 'SCHEDULED';
}

function checkDetails(details: Details | undefined): void {
  if (Object.values(details ?? {}).some((value) => value === '' || value.includes('\n'))) {
    throw new Refusal('InvalidRequestException');
  }
}

function checkStep(minutes: number | undefined, discardable: boolean): void {
  if (minutes === undefined || (minutes >= 1 && minutes <= 10_080) || (discardable && minutes === -1)) return;
  throw new Refusal('InvalidRequestException');
}

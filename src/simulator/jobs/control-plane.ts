import { JOB_ID, type JobExecutionStatus, TERMINAL_STATUSES } from '../../jobs/model.ts';
import { ServiceError } from '../service-error.ts';
import type { StoredExecution, StoredJob } from './entities.ts';
import type { JobsState } from './jobs-state.ts';
import { page, type Query } from './page.ts';
import { invalid, oneOf, optionalInteger, record, statusDetails, text } from './validation.ts';

const LARGEST_DOCUMENT = 32_768;
const CREATE_JOB_FIELDS = ['targets', 'document', 'description', 'targetSelection'];

/** The jobs operations of the control plane, as far as they are simulated (AWS IoT API reference). */
export class ControlPlane {
  readonly #state: JobsState;
  readonly #arnPrefix: string;
  readonly #thingExists: (thingName: string) => boolean;

  constructor(state: JobsState, arnPrefix: string, thingExists: (thingName: string) => boolean) {
    this.#state = state;
    this.#arnPrefix = arnPrefix;
    this.#thingExists = thingExists;
  }

  createJob(jobId: string, body: unknown): { jobArn: string; jobId: string; description?: string } {
    text('jobId', jobId, JOB_ID);
    const fields = record(body);
    const unknown = Object.keys(fields).find((field) => !CREATE_JOB_FIELDS.includes(field));
    if (unknown !== undefined) throw invalid(`${unknown} is not simulated yet`);
    if (this.#state.jobs.get(jobId)) {
      throw new ServiceError('ResourceAlreadyExistsException', `Job ${jobId} already exists`);
    }
    if (fields['targetSelection'] !== undefined) {
      const selection = oneOf('targetSelection', fields['targetSelection'], ['SNAPSHOT', 'CONTINUOUS']);
      if (selection === 'CONTINUOUS') throw invalid('targetSelection CONTINUOUS is not simulated yet');
    }
    const things = this.#targets(fields['targets']);
    const document = checkDocument(fields['document']);
    const description =
      fields['description'] === undefined
        ? undefined
        : text('description', fields['description'], /^[^\p{C}]{0,2028}$/u);
    const now = this.#state.clock.now();
    const job: StoredJob = {
      jobId,
      jobArn: `${this.#arnPrefix}:job/${jobId}`,
      targets: things.map((thing) => `${this.#arnPrefix}:thing/${thing}`),
      document,
      ...(description === undefined ? {} : { description }),
      targetSelection: 'SNAPSHOT',
      status: 'IN_PROGRESS',
      createdAt: now,
      lastUpdatedAt: now,
    };
    this.#state.jobs.set(jobId, job);
    for (const thingName of things) this.#queue(job, thingName, now);
    return { jobArn: job.jobArn, jobId, ...(description === undefined ? {} : { description }) };
  }

  describeJob(jobId: string): object {
    return { job: this.#describe(this.#job(jobId)) };
  }

  listJobs(query: Query): { jobs: object[]; nextToken?: string } {
    const jobs = [...this.#state.jobs.values()].filter(
      (job) =>
        (query['status'] === undefined || job.status === query['status']) &&
        (query['targetSelection'] === undefined || job.targetSelection === query['targetSelection']),
    );
    // The newest first, as the console lists them.
    const { items, ...rest } = page(jobs.reverse(), query);
    return {
      jobs: items.map(({ jobArn, jobId, targetSelection, status, ...job }) => ({
        jobArn,
        jobId,
        targetSelection,
        status,
        ...jobTimes(job),
        isConcurrent: false,
      })),
      ...rest,
    };
  }

  getJobDocument(jobId: string): { document: string } {
    return { document: this.#job(jobId).document };
  }

  /** Without force IN_PROGRESS executions go on; the job itself is CANCELED at once. */
  cancelJob(
    jobId: string,
    options: { force: boolean; reasonCode?: string | undefined; comment?: string | undefined },
  ): { jobArn: string; jobId: string; description?: string } {
    const job = this.#job(jobId);
    if (job.status !== 'IN_PROGRESS') {
      throw new ServiceError('InvalidRequestException', `Job ${jobId} is ${job.status} and cannot be canceled`);
    }
    const { force, reasonCode, comment } = options;
    const now = this.#state.clock.now();
    this.#state.jobs.set(jobId, {
      ...job,
      status: 'CANCELED',
      lastUpdatedAt: now,
      completedAt: now,
      ...(force ? { forceCanceled: true } : {}),
      ...(reasonCode === undefined ? {} : { reasonCode }),
      ...(comment === undefined ? {} : { comment }),
    });
    for (const execution of this.#state.executionsOfJob(jobId)) {
      if (execution.status === 'QUEUED' || (force && execution.status === 'IN_PROGRESS')) {
        this.#state.transition(execution, 'CANCELED', force ? { forceCanceled: true } : {});
      }
    }
    const { jobArn, description } = job;
    return { jobArn, jobId, ...(description === undefined ? {} : { description }) };
  }

  deleteJob(jobId: string, { force }: { force: boolean }): void {
    const job = this.#job(jobId);
    if (!force && job.status === 'IN_PROGRESS') {
      const message = `Job ${jobId} is ${job.status}: cancel it first, or force its deletion`;
      throw new ServiceError('InvalidStateTransitionException', message);
    }
    for (const execution of this.#state.executionsOfJob(jobId)) {
      this.#state.change(execution.thingName, () => this.#state.remove(execution));
    }
    this.#state.jobs.delete(jobId);
  }

  listExecutionsForJob(jobId: string, query: Query): object {
    this.#job(jobId);
    const executions = withStatus(this.#state.executionsOfJob(jobId), query);
    const { items, ...rest } = page(executions, query);
    return {
      executionSummaries: items.map((execution) => ({
        thingArn: this.#thingArn(execution),
        jobExecutionSummary: summary(execution),
      })),
      ...rest,
    };
  }

  listExecutionsForThing(thingName: string, query: Query): object {
    if (!this.#thingExists(thingName)) throw this.#noThing(thingName);
    const executions = withStatus(this.#state.executionsOfThing(thingName), query).filter(
      (execution) => query['jobId'] === undefined || execution.jobId === query['jobId'],
    );
    const { items, ...rest } = page(executions, query);
    return {
      executionSummaries: items.map((execution) => ({
        jobId: execution.jobId,
        jobExecutionSummary: summary(execution),
      })),
      ...rest,
    };
  }

  /** Here the status details are nested, and times may have fractions. */
  describeExecution(thingName: string, jobId: string, executionNumber?: number): object {
    const execution = this.#execution(thingName, jobId, executionNumber);
    return {
      execution: {
        jobId,
        status: execution.status,
        forceCanceled: execution.forceCanceled ?? false,
        statusDetails: { detailsMap: execution.statusDetails },
        thingArn: this.#thingArn(execution),
        ...executionTimes(execution),
        executionNumber: execution.executionNumber,
        versionNumber: execution.versionNumber,
      },
    };
  }

  cancelExecution(
    thingName: string,
    jobId: string,
    options: { force: boolean; expectedVersion?: unknown; statusDetails?: unknown },
  ): void {
    const execution = this.#execution(thingName, jobId);
    const details = statusDetails(options.statusDetails);
    const expected = optionalInteger('expectedVersion', options.expectedVersion);
    if (expected !== undefined && expected !== execution.versionNumber) {
      const message = `Expected version ${expected} but found version ${execution.versionNumber}`;
      throw new ServiceError('VersionConflictException', message);
    }
    const running = execution.status === 'IN_PROGRESS' && !options.force;
    if (running || TERMINAL_STATUSES.has(execution.status)) {
      const message = `The execution is ${execution.status} and cannot be canceled${running ? ' without force' : ''}`;
      throw new ServiceError('InvalidStateTransitionException', message);
    }
    this.#state.transition(execution, 'CANCELED', {
      ...(details ? { statusDetails: details } : {}),
      ...(options.force ? { forceCanceled: true } : {}),
    });
  }

  #queue(job: StoredJob, thingName: string, now: number): void {
    this.#state.change(thingName, () =>
      this.#state.put({
        jobId: job.jobId,
        thingName,
        executionNumber: 1,
        status: 'QUEUED',
        statusDetails: {},
        queuedAt: now,
        lastUpdatedAt: now,
        versionNumber: 1,
        sequence: this.#state.nextSequence(),
      }),
    );
  }

  #targets(value: unknown): string[] {
    if (!Array.isArray(value) || value.length < 1 || value.length > 100) {
      throw invalid('targets must be a list of 1 to 100 ARNs');
    }
    const prefix = `${this.#arnPrefix}:thing/`;
    const things = value.map((target: unknown) => {
      if (typeof target !== 'string' || !target.startsWith(prefix)) {
        throw invalid(`target ${JSON.stringify(target)} is not simulated yet: expected ${prefix}<thing name>`);
      }
      return target.slice(prefix.length);
    });
    for (const thing of things) if (!this.#thingExists(thing)) throw this.#noThing(thing);
    return [...new Set(things)];
  }

  #describe(job: StoredJob): object {
    const executions = this.#state.executionsOfJob(job.jobId);
    const count = (status: JobExecutionStatus) => executions.filter((execution) => execution.status === status).length;
    return {
      jobArn: job.jobArn,
      jobId: job.jobId,
      targetSelection: job.targetSelection,
      status: job.status,
      ...(job.forceCanceled ? { forceCanceled: true } : {}),
      ...(job.reasonCode === undefined ? {} : { reasonCode: job.reasonCode }),
      ...(job.comment === undefined ? {} : { comment: job.comment }),
      targets: job.targets,
      ...(job.description === undefined ? {} : { description: job.description }),
      ...jobTimes(job),
      jobProcessDetails: {
        numberOfCanceledThings: count('CANCELED'),
        numberOfSucceededThings: count('SUCCEEDED'),
        numberOfFailedThings: count('FAILED'),
        numberOfRejectedThings: count('REJECTED'),
        numberOfQueuedThings: count('QUEUED'),
        numberOfInProgressThings: count('IN_PROGRESS'),
        numberOfRemovedThings: count('REMOVED'),
        numberOfTimedOutThings: count('TIMED_OUT'),
      },
      isConcurrent: false,
    };
  }

  #job(jobId: string): StoredJob {
    const job = this.#state.jobs.get(text('jobId', jobId, JOB_ID));
    if (!job) throw new ServiceError('ResourceNotFoundException', `Job ${jobId} does not exist`);
    return job;
  }

  #execution(thingName: string, jobId: string, executionNumber?: number): StoredExecution {
    const execution = this.#state.execution(thingName, text('jobId', jobId, JOB_ID), executionNumber);
    if (execution) return execution;
    throw new ServiceError('ResourceNotFoundException', `No execution of job ${jobId} for thing ${thingName}`);
  }

  #thingArn(execution: StoredExecution): string {
    return `${this.#arnPrefix}:thing/${execution.thingName}`;
  }

  #noThing(thingName: string): ServiceError {
    return new ServiceError('ResourceNotFoundException', `Thing ${thingName} does not exist`);
  }
}

function checkDocument(value: unknown): string {
  if (typeof value !== 'string') throw invalid('document is required: documentSource is not simulated yet');
  if (Buffer.byteLength(value) > LARGEST_DOCUMENT) throw invalid(`document is longer than ${LARGEST_DOCUMENT} bytes`);
  try {
    JSON.parse(value);
  } catch {
    throw invalid('document is not valid JSON');
  }
  return value;
}

function withStatus(executions: StoredExecution[], query: Query): StoredExecution[] {
  const { status } = query;
  return status === undefined ? executions : executions.filter((execution) => execution.status === status);
}

function summary(execution: StoredExecution): object {
  return { status: execution.status, ...executionTimes(execution), executionNumber: execution.executionNumber };
}

function executionTimes(execution: StoredExecution): object {
  return {
    queuedAt: execution.queuedAt / 1000,
    ...(execution.startedAt === undefined ? {} : { startedAt: execution.startedAt / 1000 }),
    lastUpdatedAt: execution.lastUpdatedAt / 1000,
  };
}

function jobTimes(job: Pick<StoredJob, 'createdAt' | 'lastUpdatedAt' | 'completedAt'>): object {
  return {
    createdAt: job.createdAt / 1000,
    lastUpdatedAt: job.lastUpdatedAt / 1000,
    ...(job.completedAt === undefined ? {} : { completedAt: job.completedAt / 1000 }),
  };
}

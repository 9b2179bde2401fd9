import { JOB_ID } from '../../jobs/model.ts';
import { numberedKey, page, type Query } from '../page.ts';
import { ServiceError } from '../service-error.ts';
import { CONFIGURATION_FIELDS, checkTogether, parseConfiguration } from './configuration/job-configuration.ts';
import { MINUTE } from './configuration/minute.ts';
import { isActive, type StoredJob } from './entities.ts';
import type { JobDocuments } from './job-documents.ts';
import type { JobLifecycle } from './job-lifecycle.ts';
import { type JobTargets, MOST_TARGETS } from './job-targets.ts';
import { jobSummary, jobView } from './job-views.ts';
import type { JobsState } from './jobs-state.ts';
import { parseTags, type Tag } from './tags.ts';
import { invalid, known, oneOf, text } from './validation.ts';

const CREATE_FIELDS: readonly string[] = [
  ...['targets', 'document', 'documentSource', 'documentParameters', 'jobTemplateArn', 'description'],
  ...['targetSelection', 'namespaceId', 'tags', ...CONFIGURATION_FIELDS],
];
const UPDATE_FIELDS = ['description', ...CONFIGURATION_FIELDS.filter((name) => name !== 'schedulingConfig')];
const DESCRIPTION = /^[^\p{C}]{1,2028}$/u;
/** In Java's words, as the model has it: ASCII alone. */
const REASON_CODE = /^[A-Z0-9_]{1,128}$/;
const STATUSES = ['IN_PROGRESS', 'CANCELED', 'COMPLETED', 'DELETION_IN_PROGRESS', 'SCHEDULED'] as const;
/** API reference, DeleteJob: jobs in deletion at a time. */
const MOST_DELETIONS = 10;

/** What answers an operation that names a job. */
export interface JobAnswer {
  readonly jobArn: string;
  readonly jobId: string;
  readonly description?: string;
}

/** The operations on jobs (AWS IoT API reference). */
export class JobOperations {
  readonly #state: JobsState;
  readonly #lifecycle: JobLifecycle;
  readonly #targets: JobTargets;
  readonly #documents: JobDocuments;
  readonly #arnPrefix: string;
  readonly #tag: (arn: string, tags: readonly Tag[]) => void;

  constructor(deps: {
    state: JobsState;
    lifecycle: JobLifecycle;
    targets: JobTargets;
    documents: JobDocuments;
    arnPrefix: string;
    /** Keeps the tags of a resource. */
    tag: (arn: string, tags: readonly Tag[]) => void;
  }) {
    this.#state = deps.state;
    this.#lifecycle = deps.lifecycle;
    this.#targets = deps.targets;
    this.#documents = deps.documents;
    this.#arnPrefix = deps.arnPrefix;
    this.#tag = deps.tag;
  }

  create(jobId: string, body: unknown): JobAnswer {
    text('jobId', jobId, JOB_ID);
    const fields = known(body, CREATE_FIELDS);
    if (this.#state.job(jobId)) throw new ServiceError('ResourceAlreadyExistsException', `Job ${jobId} already exists`);
    const now = this.#state.clock.now();
    const targets = this.#targets.check(fields['targets']);
    const { configuration: templated, description: usual, ...document } = this.#documents.of(fields);
    const configuration = parseConfiguration({ ...templated, ...present(fields) }, now);
    checkTogether(configuration);
    this.#documents.checkPlaceholders(document.document, configuration.presignedUrlConfig);
    const description = optionalText('description', fields['description'], DESCRIPTION) ?? usual;
    const namespaceId = optionalText('namespaceId', fields['namespaceId'], /^[a-zA-Z0-9_-]+$/);
    const jobArn = `${this.#arnPrefix}:job/${jobId}`;
    const tags = parseTags(present(fields)['tags']);
    const job: StoredJob = {
      jobId,
      jobArn,
      targets,
      ...document,
      ...configuration,
      ...(namespaceId === undefined ? {} : { namespaceId }),
      ...(description === undefined ? {} : { description }),
      targetSelection: oneOf('targetSelection', fields['targetSelection'] ?? 'SNAPSHOT', ['SNAPSHOT', 'CONTINUOUS']),
      status: 'IN_PROGRESS',
      createdAt: now,
      lastUpdatedAt: now,
      waiting: this.#targets.things(targets),
      notified: 0,
      rolloutMinute: { startedAt: now - MINUTE, rate: 0, given: 0 },
    };
    // After the last check: a refused job leaves nothing behind.
    if (tags) this.#tag(jobArn, tags);
    this.#lifecycle.begin(job);
    return answer(job);
  }

  /** A job is not found in another namespace than its own. */
  checkNamespace(jobId: string, namespaceId: string | undefined): void {
    if (namespaceId === undefined || this.#job(jobId).namespaceId === namespaceId) return;
    throw new ServiceError('ResourceNotFoundException', `Job ${jobId} does not exist in namespace ${namespaceId}`);
  }

  describe(jobId: string, beforeSubstitution: boolean): object {
    const job = this.#job(jobId);
    const { documentSource, documentParameters: _, ...raw } = job;
    // The parameters are what has been substituted, so the view from before does not have them.
    const shown = jobView(beforeSubstitution ? raw : job, this.#state.clock.now(), (status) =>
      this.#state.count(jobId, status),
    );
    return { ...(documentSource === undefined ? {} : { documentSource }), job: shown };
  }

  document(jobId: string, beforeSubstitution: boolean): { document: string } {
    const { document, documentBeforeSubstitution } = this.#job(jobId);
    return { document: beforeSubstitution ? (documentBeforeSubstitution ?? document) : document };
  }

  /** The newest first, as the console lists them. */
  list(query: Query): object {
    const { status, targetSelection, thingGroupName, thingGroupId, namespaceId } = query;
    const group = this.#targets.groupWanted(thingGroupName, thingGroupId);
    if (status !== undefined) oneOf('status', status, STATUSES);
    if (targetSelection !== undefined) oneOf('targetSelection', targetSelection, ['SNAPSHOT', 'CONTINUOUS']);
    const jobs = this.#state
      .jobs()
      .filter(
        (job) =>
          (status === undefined || job.status === status) &&
          (targetSelection === undefined || job.targetSelection === targetSelection) &&
          (namespaceId === undefined || job.namespaceId === namespaceId) &&
          (group === undefined || this.#targets.names(job.targets, group)),
      );
    const { items, ...rest } = page(query, jobs, byCreation, { descending: true });
    return { jobs: items.map(jobSummary), ...rest };
  }

  /** Timers change for executions that start later; retries can only be switched off (developer guide, Job configurations). */
  update(jobId: string, body: unknown): void {
    const job = this.#job(jobId);
    const fields = known(body, UPDATE_FIELDS);
    if (!isActive(job)) {
      throw invalid(`Job ${jobId} is ${job.status} and cannot be updated`);
    }
    const now = this.#state.clock.now();
    const configuration = parseConfiguration(fields, now);
    const retries = configuration.jobExecutionsRetryConfig?.criteriaList ?? [];
    if (retries.some(({ numberOfRetries }) => numberOfRetries > 0)) {
      throw invalid('jobExecutionsRetryConfig: numberOfRetries can only be updated to 0');
    }
    const description = optionalText('description', fields['description'], DESCRIPTION);
    const updated = {
      ...job,
      ...configuration,
      ...(description === undefined ? {} : { description }),
      lastUpdatedAt: now,
    };
    checkTogether(updated);
    this.#state.putJob(updated);
  }

  cancel(jobId: string, force: boolean, body: Readonly<Record<string, unknown>>): JobAnswer {
    const job = this.#job(jobId);
    const fields = known(body, ['reasonCode', 'comment']);
    const reasonCode = optionalText('reasonCode', fields['reasonCode'], REASON_CODE);
    const comment = optionalText('comment', fields['comment'], DESCRIPTION);
    if (!isActive(job)) {
      // CancelJob's errors in the model have no InvalidStateTransitionException.
      throw invalid(`Job ${jobId} is ${job.status} and cannot be canceled`);
    }
    this.#lifecycle.cancel(job, { force, reasonCode, comment });
    return answer(job);
  }

  delete(jobId: string, force: boolean): void {
    const job = this.#job(jobId);
    const { status } = job;
    if (status === 'DELETION_IN_PROGRESS' || (!force && status !== 'COMPLETED' && status !== 'CANCELED')) {
      const message = `Job ${jobId} is ${status}${status === 'DELETION_IN_PROGRESS' ? '' : ': cancel it first, or force its deletion'}`;
      throw new ServiceError('InvalidStateTransitionException', message);
    }
    const deletions = this.#state.jobs().filter((other) => other.status === 'DELETION_IN_PROGRESS');
    if (deletions.length >= MOST_DELETIONS) {
      throw new ServiceError('LimitExceededException', `${MOST_DELETIONS} jobs are being deleted already`);
    }
    this.#lifecycle.delete(job);
  }

  associateTargets(jobId: string, body: Readonly<Record<string, unknown>>): JobAnswer {
    const job = this.#job(jobId);
    const fields = known(body, ['targets', 'comment']);
    const targets = this.#targets.check(fields['targets']);
    const comment = optionalText('comment', fields['comment'], DESCRIPTION);
    if (job.targetSelection !== 'CONTINUOUS' || job.status !== 'IN_PROGRESS' || job.ended) {
      const state = job.ended ? 'past its end' : job.status;
      throw invalid(
        `Job ${jobId} is ${job.targetSelection} and ${state}: only a CONTINUOUS one IN_PROGRESS can be given targets`,
      );
    }
    const all = [...new Set([...job.targets, ...targets])];
    if (all.length > MOST_TARGETS)
      throw new ServiceError('LimitExceededException', `More than ${MOST_TARGETS} targets`);
    const lastUpdatedAt = this.#state.clock.now();
    const changed = { ...job, targets: all, lastUpdatedAt, ...(comment === undefined ? {} : { comment }) };
    this.#lifecycle.add(changed, this.#targets.things(targets));
    return answer(job);
  }

  #job(jobId: string): StoredJob {
    const job = this.#state.job(text('jobId', jobId, JOB_ID));
    if (!job) throw new ServiceError('ResourceNotFoundException', `Job ${jobId} does not exist`);
    return job;
  }
}

function byCreation({ createdAt, jobId }: StoredJob): string {
  return numberedKey(createdAt, jobId);
}

function answer({ jobArn, jobId, description }: StoredJob): JobAnswer {
  return { jobArn, jobId, ...(description === undefined ? {} : { description }) };
}

/** Null counts as absent. */
function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

function optionalText(field: string, value: unknown, pattern: RegExp): string | undefined {
  return value === undefined || value === null ? undefined : text(field, value, pattern);
}

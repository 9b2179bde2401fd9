import type { JobExecutionStatus } from '../../jobs/model.ts';
import { CONFIGURATION_FIELDS } from './configuration/job-configuration.ts';
import { scheduledRollouts } from './configuration/scheduling.ts';
import { deadlineOf } from './deadline.ts';
import type { StoredExecution, StoredJob } from './entities.ts';

/** `Job` of the API reference. Times on the control plane are epoch seconds with fractions; optional fields are left out. */
export function jobView(job: StoredJob, now: number, count: (status: JobExecutionStatus) => number): object {
  const rollouts =
    job.status === 'SCHEDULED' || job.status === 'IN_PROGRESS' ? scheduledRollouts(job.schedulingConfig, now) : [];
  return {
    jobArn: job.jobArn,
    jobId: job.jobId,
    targetSelection: job.targetSelection,
    status: job.status,
    ...present(job, ['forceCanceled', 'reasonCode', 'comment']),
    targets: job.targets,
    ...present(job, ['description', 'namespaceId', 'jobTemplateArn', 'documentParameters']),
    ...present(job, CONFIGURATION_FIELDS),
    ...jobTimes(job),
    jobProcessDetails: {
      // The targets that are still being rolled out to; absent afterwards (API reference, JobProcessDetails).
      ...(job.waiting.length > 0 ? { processingTargets: job.targets } : {}),
      numberOfCanceledThings: count('CANCELED'),
      numberOfSucceededThings: count('SUCCEEDED'),
      numberOfFailedThings: count('FAILED'),
      numberOfRejectedThings: count('REJECTED'),
      numberOfQueuedThings: count('QUEUED'),
      numberOfInProgressThings: count('IN_PROGRESS'),
      numberOfRemovedThings: count('REMOVED'),
      numberOfTimedOutThings: count('TIMED_OUT'),
    },
    isConcurrent: isConcurrent(job),
    ...(rollouts.length > 0 ? { scheduledJobRollouts: rollouts } : {}),
  };
}

/** `JobSummary`. */
export function jobSummary(job: StoredJob): object {
  const { jobArn, jobId, targetSelection, status } = job;
  return { jobArn, jobId, targetSelection, status, ...jobTimes(job), isConcurrent: isConcurrent(job) };
}

/** `JobExecutionSummary`: no version, but the number of retries. */
export function executionSummary(execution: StoredExecution): object {
  const { status, executionNumber } = execution;
  const retryAttempt = execution.retried.FAILED + execution.retried.TIMED_OUT;
  return { status, ...executionTimes(execution), executionNumber, ...(retryAttempt > 0 ? { retryAttempt } : {}) };
}

/** `JobExecution` of the control plane: here the status details are nested. */
export function executionView(execution: StoredExecution, thingArn: string, now: number): object {
  const deadline = deadlineOf(execution);
  return {
    jobId: execution.jobId,
    status: execution.status,
    forceCanceled: execution.forceCanceled ?? false,
    statusDetails: { detailsMap: execution.statusDetails },
    thingArn,
    ...executionTimes(execution),
    executionNumber: execution.executionNumber,
    versionNumber: execution.versionNumber,
    ...(deadline === undefined
      ? {}
      : { approximateSecondsBeforeTimedOut: Math.max(0, Math.floor((deadline - now) / 1000)) }),
  };
}

/** True while it is being rolled out (API reference, Job). */
function isConcurrent(job: StoredJob): boolean {
  return job.waiting.length > 0 && job.status === 'IN_PROGRESS';
}

function executionTimes(execution: StoredExecution): object {
  return {
    queuedAt: execution.queuedAt / 1000,
    ...(execution.startedAt === undefined ? {} : { startedAt: execution.startedAt / 1000 }),
    lastUpdatedAt: execution.lastUpdatedAt / 1000,
  };
}

function jobTimes(job: StoredJob): object {
  return {
    createdAt: job.createdAt / 1000,
    lastUpdatedAt: job.lastUpdatedAt / 1000,
    ...(job.completedAt === undefined ? {} : { completedAt: job.completedAt / 1000 }),
  };
}

function present(job: StoredJob, names: readonly (keyof StoredJob)[]): object {
  return Object.fromEntries(names.flatMap((name) => (job[name] === undefined ? [] : [[name, job[name]]])));
}

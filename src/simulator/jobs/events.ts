import { randomUUID } from 'node:crypto';
import type { JobExecutionStatus } from '../../jobs/model.ts';
import type { StoredExecution, StoredJob } from './entities.ts';
import type { Notification } from './notifications.ts';

export type JobEventOperation =
  | 'completed'
  | 'canceled'
  | 'deleted'
  | 'cancellation_in_progress'
  | 'deletion_in_progress';

/** What of the service's decisions events depend on. */
export interface EventOptions {
  /** Epoch ms. */
  readonly now: number;
  readonly times: 'seconds' | 'milliseconds';
}

/** Only `completed` carries the counts, and only five of them (developer guide, Jobs events). */
const COUNTED = [
  ['numberOfCanceledThings', 'CANCELED'],
  ['numberOfRejectedThings', 'REJECTED'],
  ['numberOfFailedThings', 'FAILED'],
  ['numberOfRemovedThings', 'REMOVED'],
  ['numberOfSucceededThings', 'SUCCEEDED'],
] as const;

/** `$aws/events/job/…` (developer guide, Jobs events). */
export function jobEvent(
  operation: JobEventOperation,
  job: StoredJob,
  count: (status: JobExecutionStatus) => number,
  { now, times }: EventOptions,
): Notification {
  const time = (milliseconds: number) => (times === 'seconds' ? Math.floor(milliseconds / 1000) : milliseconds);
  // In the guide's examples only `completed` has it.
  const completedAt = operation === 'completed' ? job.completedAt : undefined;
  return {
    topic: `$aws/events/job/${job.jobId}/${operation}`,
    payload: {
      eventType: 'JOB',
      eventId: randomUUID(),
      timestamp: Math.floor(now / 1000),
      operation,
      jobId: job.jobId,
      // The event's own words: two of them are no status of the API.
      status: operation === 'completed' ? 'COMPLETED' : operation.toUpperCase(),
      targetSelection: job.targetSelection,
      targets: job.targets,
      ...(job.description === undefined ? {} : { description: job.description }),
      ...(completedAt === undefined ? {} : { completedAt: time(completedAt) }),
      createdAt: time(job.createdAt),
      lastUpdatedAt: time(job.lastUpdatedAt),
      ...(job.comment === undefined ? {} : { comment: job.comment }),
      ...(operation === 'completed'
        ? { jobProcessDetails: Object.fromEntries(COUNTED.map(([name, status]) => [name, count(status)])) }
        : {}),
    },
  };
}

/** `$aws/events/jobExecution/…`, for an execution that has ended or was deleted. The topic does not name the thing. */
export function executionEvent(
  execution: StoredExecution,
  thingArn: string,
  now: number,
  deleted = false,
): Notification {
  const operation = deleted ? 'deleted' : execution.status.toLowerCase();
  return {
    topic: `$aws/events/jobExecution/${execution.jobId}/${operation}`,
    payload: {
      eventType: 'JOB_EXECUTION',
      eventId: randomUUID(),
      timestamp: Math.floor(now / 1000),
      operation,
      jobId: execution.jobId,
      thingArn,
      status: deleted ? 'DELETED' : execution.status,
      statusDetails: execution.statusDetails,
    },
  };
}

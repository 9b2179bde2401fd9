import { type JobExecution, type JobExecutionSummary, PENDING_LIST_LIMIT } from '../../jobs/model.ts';
import { deadlineOf } from './deadline.ts';
import { type StoredExecution, seconds } from './entities.ts';

/** Further entries while a job with maintenance windows is among them (developer guide, Job limits). */
export const WINDOW_LIST_EXTRA = 5;

/**
 * A thing's pending executions in the service's order: IN_PROGRESS before QUEUED, then by queuedAt (AWS developer guide,
 * Jobs notifications), then by creation. The first of them is what `$next`, start-next and notify-next speak of.
 */
export function pendingOrder(pending: Iterable<StoredExecution>): StoredExecution[] {
  return [...pending].sort(compare);
}

function compare(a: StoredExecution, b: StoredExecution): number {
  const running = Number(b.status === 'IN_PROGRESS') - Number(a.status === 'IN_PROGRESS');
  return running || a.queuedAt - b.queuedAt || a.sequence - b.sequence;
}

/** The two lists, cut together at the service's limit. */
export function pendingLists(
  pending: readonly StoredExecution[],
  limit: number = PENDING_LIST_LIMIT,
): { readonly inProgress: JobExecutionSummary[]; readonly queued: JobExecutionSummary[] } {
  const listed = pending.slice(0, limit);
  const of = (status: string) => listed.filter((execution) => execution.status === status).map(summaryOf);
  return { inProgress: of('IN_PROGRESS'), queued: of('QUEUED') };
}

/** Field order as captured from the service; optional fields are left out, never null. */
export function summaryOf(execution: StoredExecution): JobExecutionSummary {
  return {
    jobId: execution.jobId,
    queuedAt: seconds(execution.queuedAt),
    lastUpdatedAt: seconds(execution.lastUpdatedAt),
    ...(execution.startedAt === undefined ? {} : { startedAt: seconds(execution.startedAt) }),
    executionNumber: execution.executionNumber,
    versionNumber: execution.versionNumber,
  };
}

/** As MQTT shows it: without a thing name, the document an object, empty status details left out. */
export function executionOf(execution: StoredExecution, now: number, document: string | undefined): JobExecution {
  const deadline = deadlineOf(execution);
  return {
    jobId: execution.jobId,
    status: execution.status,
    ...(Object.keys(execution.statusDetails).length === 0 ? {} : { statusDetails: execution.statusDetails }),
    queuedAt: seconds(execution.queuedAt),
    ...(execution.startedAt === undefined ? {} : { startedAt: seconds(execution.startedAt) }),
    lastUpdatedAt: seconds(execution.lastUpdatedAt),
    versionNumber: execution.versionNumber,
    executionNumber: execution.executionNumber,
    ...(deadline === undefined ? {} : { approximateSecondsBeforeTimedOut: Math.max(0, seconds(deadline - now)) }),
    ...(document === undefined ? {} : { jobDocument: JSON.parse(document) as unknown }),
  };
}

import {
  type JobExecution,
  type JobExecutionSummary,
  PENDING_LIST_LIMIT,
  TERMINAL_STATUSES,
} from '../../jobs/model.ts';
import { type StoredExecution, seconds } from './entities.ts';

/**
 * A thing's pending executions in the service's order: IN_PROGRESS before QUEUED, then by queuedAt (AWS developer guide,
 * Jobs notifications), then by creation. The first of them is what `$next`, start-next and notify-next speak of.
 */
export function pendingOrder(executions: Iterable<StoredExecution>): StoredExecution[] {
  return [...executions].filter((execution) => !TERMINAL_STATUSES.has(execution.status)).sort(compare);
}

function compare(a: StoredExecution, b: StoredExecution): number {
  const running = Number(b.status === 'IN_PROGRESS') - Number(a.status === 'IN_PROGRESS');
  return running || a.queuedAt - b.queuedAt || a.sequence - b.sequence;
}

/** The two lists, cut together at the service's limit. */
export function pendingLists(pending: readonly StoredExecution[]): {
  readonly inProgress: JobExecutionSummary[];
  readonly queued: JobExecutionSummary[];
} {
  const listed = pending.slice(0, PENDING_LIST_LIMIT);
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
export function executionOf(execution: StoredExecution, document: string | undefined): JobExecution {
  return {
    jobId: execution.jobId,
    status: execution.status,
    ...(Object.keys(execution.statusDetails).length === 0 ? {} : { statusDetails: execution.statusDetails }),
    queuedAt: seconds(execution.queuedAt),
    ...(execution.startedAt === undefined ? {} : { startedAt: seconds(execution.startedAt) }),
    lastUpdatedAt: seconds(execution.lastUpdatedAt),
    versionNumber: execution.versionNumber,
    executionNumber: execution.executionNumber,
    ...(document === undefined ? {} : { jobDocument: JSON.parse(document) as unknown }),
  };
}

import type { StoredExecution } from './entities.ts';
import { executionOf, pendingLists } from './pending-list.ts';

export interface Notification {
  readonly topic: string;
  readonly payload: object;
}

/**
 * What the service publishes when a thing's pending executions go from `before` to `after` (docs/protocol.md,
 * Notifications). One rule covers the whole table of captures: `notify` when the set of pending executions changed,
 * `notify-next` when another execution became the first. So a start of the first job and every change of details are
 * silent. Order: notify, then notify-next.
 */
export function notificationsFor(
  thingName: string,
  before: readonly StoredExecution[],
  after: readonly StoredExecution[],
  timestamp: number,
  documentOf: (jobId: string) => string | undefined,
): Notification[] {
  const base = `$aws/things/${thingName}/jobs`;
  const notifications: Notification[] = [];
  const known = new Set(before.map(identity));
  if (before.length !== after.length || after.some((execution) => !known.has(identity(execution)))) {
    const { inProgress, queued } = pendingLists(after);
    const jobs = {
      ...(inProgress.length > 0 ? { IN_PROGRESS: inProgress } : {}),
      ...(queued.length > 0 ? { QUEUED: queued } : {}),
    };
    notifications.push({ topic: `${base}/notify`, payload: { timestamp, jobs } });
  }
  const first = after[0];
  if (identity(before[0]) !== identity(first)) {
    const execution = first && executionOf(first, documentOf(first.jobId));
    notifications.push({ topic: `${base}/notify-next`, payload: { timestamp, ...(execution ? { execution } : {}) } });
  }
  return notifications;
}

function identity(execution: StoredExecution | undefined): string {
  return execution ? `${execution.jobId}/${execution.executionNumber}/${execution.sequence}` : '';
}

import type { StoredExecution } from './entities.ts';
import { executionOf, pendingLists } from './pending-list.ts';

export interface Notification {
  readonly topic: string;
  readonly payload: object;
}

/** What a thing had pending before a change and has after it, in the service's order; all of one namespace. */
export interface PendingChange {
  readonly thingName: string;
  /** Jobs of a namespace have topics of their own (API reference, CreateJob: namespaceId). */
  readonly namespaceId?: string | undefined;
  readonly before: readonly StoredExecution[];
  readonly after: readonly StoredExecution[];
}

/** What else a notification says. */
export interface NotificationContext {
  /** Epoch ms. */
  readonly now: number;
  /** How many entries a list may have. */
  readonly listLimit: number;
  documentOf(jobId: string): string | undefined;
}

/**
 * What the service publishes when a thing's pending executions change (docs/protocol.md, Notifications). One rule covers
 * the whole table of captures: `notify` when the set of pending executions changed, `notify-next` when another execution
 * became the first. So a start of the first job and every change of details are silent. Order: notify, then notify-next.
 */
export function notificationsFor(change: PendingChange, context: NotificationContext): Notification[] {
  const { thingName, namespaceId, before, after } = change;
  const base = `$aws/things/${thingName}/jobs`;
  // As Greengrass subscribes to them: its topics end with the namespace, without the slash that the model shows.
  const suffix = namespaceId === undefined ? '' : `-namespace-${namespaceId}`;
  const timestamp = Math.floor(context.now / 1000);
  const notifications: Notification[] = [];
  const known = new Set(before.map(identity));
  if (before.length !== after.length || after.some((execution) => !known.has(identity(execution)))) {
    const { inProgress, queued } = pendingLists(after, context.listLimit);
    const jobs = {
      ...(inProgress.length > 0 ? { IN_PROGRESS: inProgress } : {}),
      ...(queued.length > 0 ? { QUEUED: queued } : {}),
    };
    notifications.push({ topic: `${base}/notify${suffix}`, payload: { timestamp, jobs } });
  }
  const first = after[0];
  if (identity(before[0]) !== identity(first)) {
    const execution = first && executionOf(first, context.now, context.documentOf(first.jobId));
    const payload = { timestamp, ...(execution ? { execution } : {}) };
    notifications.push({ topic: `${base}/notify-next${suffix}`, payload });
  }
  return notifications;
}

function identity(execution: StoredExecution | undefined): string {
  return execution ? `${execution.jobId}/${execution.executionNumber}/${execution.sequence}` : '';
}

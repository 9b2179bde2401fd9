import type { StoredExecution } from './entities.ts';

/**
 * When a running execution times out, epoch ms: the step timer's end, never later than the in-progress timer's
 * (developer guide, How job configurations work). The service may be up to 60 s late; the simulator is on time.
 */
export function deadlineOf(execution: StoredExecution): number | undefined {
  if (execution.status !== 'IN_PROGRESS') return undefined;
  const { stepTimesOutAt = Number.POSITIVE_INFINITY, timesOutAt = Number.POSITIVE_INFINITY } = execution;
  const deadline = Math.min(stepTimesOutAt, timesOutAt);
  return Number.isFinite(deadline) ? deadline : undefined;
}

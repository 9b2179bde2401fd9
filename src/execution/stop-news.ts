import type { StepResult } from '../handlers/step.ts';
import { type Clock, sleep } from '../system/clock.ts';

/**
 * Milliseconds in which we hear that the agent is to stop, after a program was ended by a signal that we had not sent: a
 * host that shuts down, and systemd with KillMode=control-group (systemd.kill(5)), signal the agent and its children at
 * the same time, in any order.
 */
export const STOP_NEWS_MS = 500;

/** Whether it was an end of the agent that ended the step's program, and not the step. */
export async function endedWithAgent(result: StepResult, clock: Clock, stopping: AbortSignal): Promise<boolean> {
  if (result.outcome !== 'failed' || result.killedBy === undefined) return false;
  if (!stopping.aborted) await sleep(clock, STOP_NEWS_MS, stopping);
  return stopping.aborted;
}

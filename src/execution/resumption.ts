import type { RunnableExecution } from '../journal/journal.ts';
import type { Step } from './plan.ts';

/** How often the agent may be stopped amid one step: a step that stops it, by intent or not, must end some day. */
export const MOST_STOPS = 10;

export type Resumption =
  | { readonly kind: 'run'; readonly afterInterruption: boolean }
  | { readonly kind: 'skip' }
  /** `reason` says where: it stands by itself. */
  | { readonly kind: 'fail'; readonly reason: string };

/**
 * What becomes of the step that an execution is found at, when it is taken up (again). Pure. An interruption is counted
 * before the run: a step that takes the device down each time ends at the cap.
 */
export function resume(
  execution: Pick<RunnableExecution, 'state' | 'step'>,
  step: Step,
  place: string,
  maxInterruptions: number,
): Resumption {
  const { step: record } = execution;
  const cutOff = cutOffBy(execution);
  if (cutOff === undefined) return { kind: 'run', afterInterruption: false };
  if (step.onInterrupted === 'skip') return { kind: 'skip' };
  if (step.onInterrupted === 'fail') {
    return { kind: 'fail', reason: `interrupted at ${place}, and its onInterrupted is "fail"` };
  }
  if (cutOff === 'stop') {
    if (record.stops < MOST_STOPS) return { kind: 'run', afterInterruption: false };
    return { kind: 'fail', reason: `the agent was stopped ${record.stops} times at ${place}` };
  }
  const interruptions = record.interruptions + 1;
  if (interruptions < maxInterruptions) return { kind: 'run', afterInterruption: true };
  return { kind: 'fail', reason: `interrupted ${times(interruptions)} at ${place}` };
}

/** What has cut the last start of the step off; undefined when nothing has. */
function cutOffBy({ state, step }: Pick<RunnableExecution, 'state' | 'step'>): 'crash' | 'stop' | undefined {
  if (state === 'running') return 'crash';
  if (state === 'stopped') return 'stop';
  if (state !== 'cleaning' || step.attempts === 0) return undefined;
  // While cleaning up the state is the same amid a step, after it was stopped, and between two tries: only a start whose
  // end was not noted is one more than all ends.
  if (step.attempts > step.failures + step.stops + step.interruptions) return 'crash';
  return step.stoppedAttempt === step.attempts ? 'stop' : undefined;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

import type { StatusDetails } from '../jobs/model.ts';

/** How the step that is due stands: of the steps, or of the cleanup while that runs. */
export interface StepRecord {
  /** From 0. */
  readonly index: number;
  /** How often it has been started. */
  readonly attempts: number;
  /** How often an end of the agent that was no stop has cut it off; the last one is counted at the next start. */
  readonly interruptions: number;
  /** How often the agent was stopped amid it. */
  readonly stops: number;
  /** Which of its starts a stop has cut off last. */
  readonly stoppedAttempt?: number | undefined;
  /** How often it has failed and was to be tried again. */
  readonly failures: number;
  /** How often it has asked for a reboot. */
  readonly reboots: number;
  /** The kernel's boot id when it asked last, and what it asked for. */
  readonly bootId?: string | undefined;
  readonly how?: RebootKind | undefined;
  /** Steps before it that failed and whose failure was ignored. */
  readonly ignored: number;
  /** Steps before it that were interrupted and then skipped. */
  readonly skipped: number;
}

/** `shutdown`: the device powers off, and somebody starts it again. */
export type RebootKind = 'reboot' | 'shutdown';

/** What happens to it. `elapsedMs`: how long the execution has been worked on in all, for the document's time limit. */
export type StepEvent = { readonly elapsedMs: number } & (
  | { readonly type: 'start'; readonly afterInterruption: boolean }
  /** `details`: those of all steps so far. */
  | { readonly type: 'finishStep'; readonly details: StatusDetails; readonly ignoredFailure: boolean }
  | { readonly type: 'failTry' | 'stop' | 'defer' | 'skip' }
  | { readonly type: 'reboot'; readonly bootId: string; readonly how: RebootKind }
);

export function freshStep(
  index: number,
  before: { ignored: number; skipped: number } = { ignored: 0, skipped: 0 },
): StepRecord {
  const { ignored, skipped } = before;
  return { index, attempts: 0, interruptions: 0, stops: 0, failures: 0, reboots: 0, ignored, skipped };
}

/** Pure. */
export function afterEvent(step: StepRecord, event: StepEvent): StepRecord {
  switch (event.type) {
    case 'start':
      return {
        ...step,
        attempts: step.attempts + 1,
        interruptions: step.interruptions + (event.afterInterruption ? 1 : 0),
      };
    case 'finishStep':
      return freshStep(step.index + 1, { ...step, ignored: step.ignored + (event.ignoredFailure ? 1 : 0) });
    case 'skip':
      return freshStep(step.index + 1, { ...step, skipped: step.skipped + 1 });
    case 'failTry':
      return { ...step, failures: step.failures + 1 };
    case 'stop':
      return { ...step, stops: step.stops + 1, stoppedAttempt: step.attempts };
    case 'defer':
      return step;
    case 'reboot':
      return { ...step, reboots: step.reboots + 1, bootId: event.bootId, how: event.how };
  }
}

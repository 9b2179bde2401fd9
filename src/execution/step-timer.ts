import type { Plan } from './plan.ts';

/** The longest step timer of the service, in minutes (API reference, `stepTimeoutInMinutes`): a week. */
const LONGEST_MINUTES = 10_080;

/** Minutes beside a step's own limit: the device ends the step by itself, and its word about it needs time to arrive. */
const MARGIN_MINUTES = 2;

/**
 * What the service's step timer is set to when a step starts, so that a device which is gone is noticed: minutes, -1 to
 * discard the timer of the step before, undefined where no step of the plan has a limit and the timer is left alone.
 */
export function stepTimer(plan: Plan, index: number): number | undefined {
  if (plan.steps.every(({ timeoutSeconds }) => timeoutSeconds === undefined)) return undefined;
  const step = plan.steps[index];
  if (step?.timeoutSeconds === undefined) return -1;
  const { attempts = 0, delaySeconds = 0 } = step.retry ?? {};
  const seconds = (attempts + 1) * step.timeoutSeconds + attempts * delaySeconds;
  return Math.min(LONGEST_MINUTES, Math.ceil(seconds / 60) + MARGIN_MINUTES);
}

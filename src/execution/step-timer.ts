import type { Plan } from './plan.ts';

/** The longest step timer of the service, in minutes (API reference, `stepTimeoutInMinutes`): a week. */
const LONGEST_MINUTES = 10_080;

/** Minutes beside a step's own limit: the device ends the step by itself, and its word about it needs time to arrive. */
const MARGIN_MINUTES = 2;

/** Discards the timer at the service. */
const NONE = -1;

/**
 * What the service's step timer is set to when a step starts, so that a device which is gone is noticed: minutes, -1 to
 * discard the timer of the step before, undefined where no step of the plan has a limit and the timer is left alone.
 */
export function stepTimer(plan: Plan, index: number): number | undefined {
  if (plan.steps.every(({ timeoutSeconds }) => timeoutSeconds === undefined)) return undefined;
  const step = plan.steps[index];
  if (step?.timeoutSeconds === undefined) return NONE;
  const { attempts = 0, delaySeconds = 0 } = step.retry ?? {};
  // It is renewed at each try: one, and the wait before the next, have to be within it.
  if (minutes(step.timeoutSeconds + (attempts > 0 ? delaySeconds : 0)) > LONGEST_MINUTES) return NONE;
  return Math.min(LONGEST_MINUTES, minutes((attempts + 1) * step.timeoutSeconds + attempts * delaySeconds));
}

/**
 * Keeps the service's step timer in step with one run of an execution. Left as it is while no step with a limit runs, it
 * would end an execution that is well: amid the cleanup, the wait of a deferred step, a reboot.
 */
export class StepTimer {
  readonly #plan: Plan;
  readonly #set: (minutes: number) => void;
  /** The claim has brought the timer of the first step: its first start need not. */
  #isClaimed: boolean;
  /** Where it is not known how the timer stands, as after an end of the agent, it counts as set. */
  #isSet: boolean;

  /** @param options.isClaimed this run follows on the claim, which set the timer for the first step. */
  constructor(plan: Plan, options: { readonly isClaimed: boolean }, set: (minutes: number) => void) {
    this.#plan = plan;
    this.#set = set;
    this.#isClaimed = options.isClaimed;
    this.#isSet = !options.isClaimed || stepTimer(plan, 0) !== NONE;
  }

  stepStarts(index: number): void {
    const isSetAlready = this.#isClaimed;
    this.#isClaimed = false;
    if (!isSetAlready) this.#to(stepTimer(this.#plan, index));
  }

  noStepRuns(): void {
    this.#to(stepTimer(this.#plan, 0) === undefined ? undefined : NONE);
  }

  #to(minutes: number | undefined): void {
    if (minutes === undefined || (minutes === NONE && !this.#isSet)) return;
    this.#isSet = minutes !== NONE;
    this.#set(minutes);
  }
}

function minutes(seconds: number): number {
  return Math.ceil(seconds / 60) + MARGIN_MINUTES;
}

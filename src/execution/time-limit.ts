import { StartsAgain } from '../handlers/starts-again.ts';
import type { Clock } from '../system/clock.ts';

/** How long an execution has been worked on in all: while the agent runs, over all its starts. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #before: number;
  readonly #startedAt: number;

  /** @param beforeMs what earlier runs took. */
  constructor(clock: Clock, beforeMs: number) {
    this.#clock = clock;
    this.#before = beforeMs;
    this.#startedAt = clock.now();
  }

  get elapsedMs(): number {
    return this.#before + this.#clock.now() - this.#startedAt;
  }
}

/** The limits of one try of a step: its own and what is left of the document's. The one that comes first aborts. */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #timers: { cancel(): void }[];
  #reached: { readonly reason: string; readonly whole: boolean } | undefined;

  constructor(
    clock: Clock,
    limits: {
      readonly step?: number | undefined;
      readonly document?: number | undefined;
      readonly elapsedMs: number;
      /** Whether another try follows when the step's own time is up. */
      readonly hasTriesLeft: boolean;
    },
  ) {
    const { step, document, elapsedMs, hasTriesLeft } = limits;
    const limit = (ms: number, reason: string, whole: boolean) =>
      clock.setTimer(Math.max(0, ms), () => {
        this.#reached ??= { reason, whole };
        this.#controller.abort(whole || !hasTriesLeft ? undefined : new StartsAgain(reason));
      });
    this.#timers = [
      ...(step === undefined ? [] : [limit(step * 1000, `timed out after ${step} s`, false)]),
      ...(document === undefined ? [] : [limit(document * 1000 - elapsedMs, documentTimedOut(document), true)]),
    ];
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the time was up, and whether it was the whole document's; undefined while it is not. */
  get reached(): { readonly reason: string; readonly whole: boolean } | undefined {
    return this.#reached;
  }

  clear(): void {
    for (const timer of this.#timers) timer.cancel();
  }
}

export function documentTimedOut(seconds: number): string {
  return `timed out: the document allows ${seconds} s for all steps together`;
}

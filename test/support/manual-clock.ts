import type { Clock } from '../../src/system/clock.ts';

/** Time that passes only when a test says so. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ at: number; onDue: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimer(ms: number, onDue: () => void): { cancel(): void } {
    const timer = { at: this.#now + ms, onDue };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Waits that are running. */
  get waits(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass: what comes due is called in its order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.onDue();
    }
    this.#now = end;
  }
}

import type { Clock } from '../clock.ts';

/** The clock's appointments of jobs: one for each at most. */
export class JobWakes {
  readonly #clock: Clock;
  readonly #woken: () => void;
  readonly #wakes = new Map<string, () => void>();

  /** `woken` is called after whatever the clock caused, so that its messages are sent. */
  constructor(clock: Clock, woken: () => void) {
    this.#clock = clock;
    this.#woken = woken;
  }

  /** In the place of the job's earlier appointment, if it has one. */
  set(jobId: string, at: number, act: () => void): void {
    this.clear(jobId);
    const cancel = this.#clock.schedule(at, () => {
      this.#wakes.delete(jobId);
      try {
        act();
      } finally {
        this.#woken();
      }
    });
    this.#wakes.set(jobId, cancel);
  }

  clear(jobId: string): void {
    this.#wakes.get(jobId)?.();
    this.#wakes.delete(jobId);
  }

  stop(): void {
    for (const cancel of this.#wakes.values()) cancel();
    this.#wakes.clear();
  }
}

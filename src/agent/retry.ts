import type { Clock, Timer } from '../system/clock.ts';
import { RecentMap } from '../system/recent-map.ts';

const FLOOR_MS = 1_000;
const CAP_MS = 300_000;
/** Executions whose failures are remembered: one that the service has ended, say, never comes to a good end here. */
export const FAILURES_KEPT = 1_000;

/** Milliseconds before try number `attempt + 2`: doubles from 1 s to 5 min, jittered by half, so that fleets spread. */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(CAP_MS, FLOOR_MS * 2 ** Math.min(attempt, 20));
  return Math.round(full / 2 + (full / 2) * random());
}

/** Milliseconds between two tries of a disk at most: one costs little, and somebody may have made room. */
const DISK_CAP_MS = 60_000;

/** The same for what waits for the disk. */
export function diskRetryDelayMs(attempt: number): number {
  return Math.min(DISK_CAP_MS, retryDelayMs(attempt));
}

/** Executions that have to wait before they are tried again, each with its own back-off. Forgotten at a restart. */
export class Deferrals {
  readonly #attempts = new RecentMap<string, number>(FAILURES_KEPT);
  readonly #timers = new Map<string, Timer>();
  readonly #clock: Clock;
  readonly #onDue: () => void;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  has(key: string): boolean {
    return this.#timers.has(key);
  }

  /** Returns the milliseconds that it will wait. */
  defer(key: string): number {
    const attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempt + 1);
    this.#timers.get(key)?.cancel();
    const delay = retryDelayMs(attempt);
    const due = this.#clock.setTimer(delay, () => {
      this.#timers.delete(key);
      this.#onDue();
    });
    this.#timers.set(key, due);
    return delay;
  }

  /** It went well: the next trouble starts from the floor. */
  clear(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
    this.#attempts.delete(key);
  }

  /** Everything may be tried at once again, as after a reconnect. */
  clearAll(): void {
    for (const due of this.#timers.values()) due.cancel();
    this.#timers.clear();
    this.#attempts.clear();
  }
}

/** Waits on the monotonic clock. Resolves at its time or, early, when the signal is aborted. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const sleep: Sleep = (ms, signal) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, signal?.aborted ? 0 : ms);
  const wake = () => resolve();
  signal?.addEventListener('abort', wake, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', wake);
  });
};

const FLOOR_MS = 1_000;
const CAP_MS = 300_000;

/** Milliseconds before try number `attempt + 2`: doubles from 1 s to 5 min, jittered by half, so that fleets spread. */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(CAP_MS, FLOOR_MS * 2 ** Math.min(attempt, 20));
  return Math.round(full / 2 + (full / 2) * random());
}

/** Executions that have to wait before they are tried again, each with its own back-off. Forgotten at a restart. */
export class Deferrals {
  readonly #attempts = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #onDue: () => void;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  has(key: string): boolean {
    return this.#timers.has(key);
  }

  /** Returns the milliseconds that it will wait. */
  defer(key: string): number {
    const attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempt + 1);
    clearTimeout(this.#timers.get(key));
    const delay = retryDelayMs(attempt);
    const due = setTimeout(() => {
      this.#timers.delete(key);
      this.#onDue();
    }, delay);
    due.unref();
    this.#timers.set(key, due);
    return delay;
  }

  /** It went well: the next trouble starts from the floor. */
  clear(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#attempts.delete(key);
  }

  /** Everything may be tried at once again, as after a reconnect. */
  clearAll(): void {
    for (const due of this.#timers.values()) clearTimeout(due);
    this.#timers.clear();
    this.#attempts.clear();
  }
}

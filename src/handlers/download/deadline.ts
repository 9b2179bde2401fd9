import { setTimeout as delay } from 'node:timers/promises';

/** The end of all waiting: a time, or the abort of what this is part of. */
export class Deadline {
  readonly signal: AbortSignal;
  readonly #endsAt: number;
  readonly #timer: NodeJS.Timeout;

  /** @param ms from now; @param outer ends it earlier. */
  constructor(ms: number, outer: AbortSignal) {
    const expiry = new AbortController();
    this.#endsAt = performance.now() + ms;
    this.#timer = setTimeout(() => expiry.abort(), ms);
    this.signal = AbortSignal.any([outer, expiry.signal]);
  }

  remainingMs(): number {
    return this.#endsAt - performance.now();
  }

  /** Rejects with the signal's reason when that comes first. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = () => reject(this.signal.reason);
    this.signal.addEventListener('abort', stop, { once: true });
    if (this.signal.aborted) stop();
    return Promise.race([work, promise]).finally(() => this.signal.removeEventListener('abort', stop));
  }

  /** Rejects when the end comes first. */
  async sleep(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.signal });
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

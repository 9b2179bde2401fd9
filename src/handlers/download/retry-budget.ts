import type { RetrySettings } from './settings.ts';

/** Bytes beyond the furthest point so far that make a failed try count as progress. */
export const PROGRESS_BYTES = 64 * 1024;

/** How often and when a transfer is tried again: tries that bring it forward cost nothing. */
export class RetryBudget {
  readonly #settings: RetrySettings;
  readonly #random: () => number;
  #failures = 0;
  #furthest = 0;

  constructor(settings: RetrySettings, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Tries that have failed since the last progress. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * A try has failed, with so many bytes of the file there. Milliseconds until the next: the back-off, jittered by half
   * so that fleets spread, after what the server asked for; undefined when the budget is spent.
   */
  failed(bytes: number, askedMs = 0): number | undefined {
    // Bytes that are fetched again, as the file changed or ranges do not work, are no progress.
    if (bytes >= this.#furthest + PROGRESS_BYTES) {
      this.#furthest = bytes;
      this.#failures = 0;
    }
    this.#failures += 1;
    const { tries, floorMs, capMs } = this.#settings;
    if (this.#failures >= tries) return undefined;
    const full = Math.min(capMs, floorMs * 2 ** Math.min(this.#failures - 1, 20));
    return askedMs + Math.round(full / 2 + (full / 2) * this.#random());
  }
}

const FLOOR_MS = 1_000;
const CAP_MS = 120_000;
/**
 * Milliseconds after which a connection counts as a good one. Shorter ones are failures, or a peer that accepts and
 * then closes would be hammered at the floor for ever.
 */
export const STABLE_MS = 30_000;

/** Milliseconds before each reconnect: jittered between the floor of 1 s and a cap that doubles up to 120 s. */
export class Backoff {
  readonly #random: () => number;
  #attempt = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  next(): number {
    const cap = Math.min(CAP_MS, FLOOR_MS * 2 ** (this.#attempt + 1));
    this.#attempt = Math.min(this.#attempt + 1, 10);
    return Math.round(FLOOR_MS + this.#random() * (cap - FLOOR_MS));
  }

  /** A connection that was up for so many milliseconds has ended. */
  connectionEnded(livedMs: number): void {
    if (livedMs >= STABLE_MS) this.#attempt = 0;
  }
}

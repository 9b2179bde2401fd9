const FIRST_MS = 500;
const LAST_MS = 15_000;
/** A connection of less is a failure too, or two simulators would displace each other as fast as they can. */
const STABLE_MS = 10_000;

/** Milliseconds before each reconnect: a cap that doubles from 0.5 s to 15 s, and between its half and the whole. */
export class Backoff {
  readonly #random: () => number;
  #cap = FIRST_MS;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** A connection that was up for so many milliseconds has ended, or an attempt that was never up (0). */
  afterConnection(livedMs: number): number {
    const cap = livedMs >= STABLE_MS ? FIRST_MS : this.#cap;
    this.#cap = Math.min(LAST_MS, cap * 2);
    return Math.round(cap * (0.5 + 0.5 * this.#random()));
  }
}

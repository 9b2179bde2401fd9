/**
 * Notices a transfer that is slower than a rate for a time, without a timer per chunk: `tick()` is called four times in
 * that time and says whether the last four brought too little.
 */
export class LowSpeed {
  readonly #least: number;
  #recent: number[] = [];
  #bytes = 0;
  #busy = false;

  /** @param bytesPerSecond the least rate; @param ms for how long a transfer may be below it. */
  constructor(bytesPerSecond: number, ms: number) {
    this.#least = (bytesPerSecond * ms) / 1000;
  }

  received(bytes: number): void {
    this.#bytes += bytes;
  }

  /** While the disk is what is waited for, the network is not to blame. */
  set diskBusy(busy: boolean) {
    this.#busy = busy;
  }

  tick(): boolean {
    if (this.#busy) return false;
    this.#recent = [...this.#recent.slice(-3), this.#bytes];
    this.#bytes = 0;
    return this.#recent.length === 4 && this.#recent.reduce((sum, bytes) => sum + bytes) < this.#least;
  }
}

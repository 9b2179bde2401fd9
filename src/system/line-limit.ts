const LINE_END = 0x0a;

/** Counts the lines of a stream up to one more than a limit: then nothing is left to count, however much comes. */
export class LineLimit {
  readonly #limit: number;
  #lines = 0;
  #isWithinLine = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.isExceeded; ) {
      const end = chunk.indexOf(LINE_END, at);
      this.#isWithinLine = end === -1;
      if (end === -1) return;
      this.#lines += 1;
      at = end + 1;
    }
  }

  /** What comes next is of another stream: it begins a line of its own. */
  endOfStream(): void {
    if (this.#isWithinLine) this.push(Buffer.of(LINE_END));
  }

  /** A last line without its end is one too. */
  get isExceeded(): boolean {
    return this.#lines + (this.#isWithinLine ? 1 : 0) > this.#limit;
  }
}

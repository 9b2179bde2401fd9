import { redactTail } from './redaction.ts';
import { withoutTerminalSequences } from './terminal-sequences.ts';

/**
 * Bytes. Status details take 1,024 characters: four times what those may need, as line ends, colours and secrets vanish
 * from them, and so that a private key that ends within them is here as a whole.
 */
export const TAIL_BYTES = 16_384;

/** The last bytes of a stream that is drained without limit: memory stays at `limit` whatever is written. */
export class OutputTail {
  readonly #buffer: Buffer;
  #length = 0;
  #dropped = false;

  /** @param limit bytes kept. */
  constructor(limit = TAIL_BYTES) {
    this.#buffer = Buffer.alloc(limit);
  }

  push(chunk: Buffer): void {
    const limit = this.#buffer.length;
    const excess = this.#length + chunk.length - limit;
    if (excess > 0) {
      this.#dropped = true;
      const kept = Math.max(0, this.#length - excess);
      this.#buffer.copyWithin(0, this.#length - kept, this.#length);
      this.#length = kept;
    }
    const added = chunk.subarray(Math.max(0, chunk.length - limit));
    added.copy(this.#buffer, this.#length);
    this.#length += added.length;
  }

  /** As text; the character that the cut went through is left out, bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    let start = 0;
    if (this.#dropped) {
      // RFC 3629: a character has at most three continuation bytes, 0b10xxxxxx.
      while (start < 3 && start < this.#length && ((this.#buffer[start] ?? 0) & 0xc0) === 0x80) start += 1;
    }
    return this.#buffer.toString('utf8', start, this.#length);
  }

  /** The text as others may see it: without secrets, and without the sequences that colour a terminal. */
  publicText(): string {
    // The sequences go first: one may stand in the middle of a secret.
    return redactTail(withoutTerminalSequences(this.text()), this.#dropped);
  }
}

import type { IncomingMessage } from 'node:http';

/** Bytes that may wait for the disk before the connection is told to wait; Node then holds up to 64 KiB itself. */
const MOST_WAITING = 256 * 1024;

/**
 * The chunks of an answer in order, and after them its error if it has one. Node's own iteration drops what it holds
 * when a connection ends early: where connections are cut often and soon, a download would never come forward. Only
 * what comes while MOST_WAITING waits already can still be dropped so.
 */
export class Body implements AsyncIterable<Buffer> {
  readonly #answer: IncomingMessage;
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #wake: () => void = () => undefined;

  /** To be made in the event that brings the answer: what goes wrong just after that is told once. */
  constructor(answer: IncomingMessage) {
    this.#answer = answer;
    answer.on('data', (chunk: Buffer) => {
      this.#waiting.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes >= MOST_WAITING) answer.pause();
      this.#wake();
    });
    answer.once('end', () => this.#finish({}));
    answer.once('error', (error) => this.#finish({ error }));
    answer.once('close', () => this.#finish({ error: new Error('the connection was closed') }));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.length;
        if (this.#bytes < MOST_WAITING / 2 && this.#answer.isPaused()) this.#answer.resume();
        yield chunk;
      } else if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** Nothing more is wanted: the connection ends. */
  destroy(): void {
    this.#answer.destroy();
  }

  /** The first that is told is the end. */
  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wake();
  }
}

import { DownloadFailure } from './failure.ts';
import type { Sink } from './sink.ts';

/** For what is small enough to be kept in memory: a signature. */
export class MemorySink implements Sink {
  readonly validator = undefined;
  #content: Buffer = Buffer.alloc(0);
  #total: number | undefined;

  get bytes(): number {
    return this.#content.length;
  }

  get total(): number | undefined {
    return this.#total;
  }

  async begin(_start: number, total: number | undefined): Promise<void> {
    this.#content = Buffer.alloc(0);
    this.#total = total;
  }

  async append(chunk: Buffer): Promise<void> {
    this.#content = Buffer.concat([this.#content, chunk]);
  }

  end(): void {
    this.#total = this.bytes;
  }

  /** As base64, whether it came as that or as bytes. */
  signature(): string {
    if (this.bytes === 0) throw new DownloadFailure('the file at signatureUrl is empty');
    const text = this.#content.toString('latin1').replace(/\s+/g, '');
    return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? text : this.#content.toString('base64');
  }
}

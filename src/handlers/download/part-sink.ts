import { errorMessage } from '../../errors.ts';
import type { BuiltInContext } from '../step.ts';
import { DownloadFailure } from './failure.ts';
import type { ProgressReport } from './progress-report.ts';
import type { SavedProgress } from './saved-progress.ts';
import type { Sink } from './sink.ts';
import type { OpenTarget, TargetFile } from './target-file.ts';
import type { Validator } from './validator.ts';

export interface PartSinkOptions {
  readonly target: TargetFile;
  readonly opened: OpenTarget;
  /** What an earlier start left. */
  readonly saved: SavedProgress | undefined;
  readonly report: ProgressReport;
  readonly checkpointBytes: number;
  readonly context: Pick<BuiltInContext, 'saveProgress'>;
}

/** The part of the target on disk: what is saved of it for another start never promises more than the disk has. */
export class PartSink implements Sink {
  readonly #options: PartSinkOptions;
  #bytes = 0;
  #total: number | undefined;
  #validator: Validator | undefined;
  #unsynced = 0;

  constructor(options: PartSinkOptions) {
    this.#options = options;
    const { opened, saved } = options;
    if (opened.resumedBytes === undefined) return;
    this.#bytes = opened.resumedBytes;
    this.#total = saved?.total;
    this.#validator = saved?.validator;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get total(): number | undefined {
    return this.#total;
  }

  get validator(): Validator | undefined {
    return this.#validator;
  }

  async begin(start: number, total: number | undefined, validator: Validator | undefined): Promise<void> {
    if (start !== this.#bytes) {
      await this.#options.target.truncate();
      this.#bytes = 0;
      this.#unsynced = 0;
    }
    this.#total = total;
    this.#validator = validator;
    await this.#refuseWithoutSpace();
    // Before the first byte: a start after a crash must not take bytes of this file for those of the one before it.
    this.#save();
    this.#options.report.at(this.#bytes, total);
  }

  async append(chunk: Buffer): Promise<void> {
    await this.#options.target.append(chunk);
    this.#bytes += chunk.length;
    this.#unsynced += chunk.length;
    if (this.#unsynced >= this.#options.checkpointBytes) await this.settle();
    this.#options.report.at(this.#bytes, this.#total);
  }

  end(): void {
    this.#total = this.#bytes;
  }

  /** What there is survives a power cut from here on. */
  async settle(sha256?: string): Promise<void> {
    await this.#options.target.sync();
    this.#unsynced = 0;
    this.#save(sha256);
  }

  #save(sha256?: string): void {
    const saved: SavedProgress = {
      part: this.#options.opened.part,
      bytes: this.#bytes - this.#unsynced,
      ...(this.#total === undefined ? {} : { total: this.#total }),
      ...(this.#validator === undefined ? {} : { validator: this.#validator }),
      ...(sha256 === undefined ? {} : { sha256 }),
    };
    try {
      this.#options.context.saveProgress(saved);
    } catch (error) {
      throw new DownloadFailure(`the progress of the download cannot be saved: ${errorMessage(error)}`, error);
    }
  }

  async #refuseWithoutSpace(): Promise<void> {
    if (this.#total === undefined) return;
    const missing = this.#total - this.#bytes;
    const free = await this.#options.target.freeBytes();
    if (missing <= free) return;
    throw new DownloadFailure(
      `not enough space: ${missing} bytes are to come and ${free} are free beside ${this.#options.opened.part}`,
    );
  }
}

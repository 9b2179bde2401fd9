import { errorCode } from '../../errors.ts';
import type { Log } from '../../system/log.ts';
import { shownUrl } from './admission.ts';
import type { Asked } from './answer.ts';
import type { Deadline } from './deadline.ts';
import { type Exchanged, exchange } from './exchange.ts';
import { DownloadFailure } from './failure.ts';
import { LowSpeed } from './low-speed.ts';
import { networkFault } from './network-fault.ts';
import { PROGRESS_BYTES, RetryBudget } from './retry-budget.ts';
import { DEFAULT_REFRESHES, DEFAULT_RETRY, type DownloadSettings } from './settings.ts';
import type { Sink } from './sink.ts';

export interface Source {
  /** As the document has it. */
  readonly url: URL;
  /** As the document has it now. A DownloadFailure ends the transfer; other rejections mean that it cannot be asked. */
  refresh(): Promise<URL>;
}

export interface TransferOptions {
  readonly settings: DownloadSettings;
  /** Bytes that the file may have, and why no more. */
  readonly cap: { readonly bytes: number; readonly reason: string };
  readonly deadline: Deadline;
  readonly log: Log;
}

/** A try that did not bring the end: why, and what the server asked to wait. */
interface Trouble {
  readonly reason: string;
  readonly afterMs?: number;
}

/** Brings a file into a sink, over as many tries as it takes within the budget. */
export class Transfer {
  readonly #source: Source;
  readonly #sink: Sink;
  readonly #options: TransferOptions;
  readonly #budget: RetryBudget;
  #url: URL;
  #rangesWork = true;
  /** What is there is of another file: the next answer has to bring all of it. */
  #startsOver = false;
  #refreshes = 0;
  #bytesAtRefresh = 0;

  constructor(source: Source, sink: Sink, options: TransferOptions) {
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
    this.#url = source.url;
    this.#budget = new RetryBudget(options.settings.retry ?? DEFAULT_RETRY);
  }

  /**
   * @throws DownloadFailure when the file cannot be had; the signal's reason when the deadline is aborted.
   */
  async run(): Promise<void> {
    while (!this.#isComplete()) {
      const trouble = await this.#try();
      if (trouble !== undefined && !this.#isComplete()) await this.#wait(trouble);
    }
  }

  #isComplete(): boolean {
    return this.#sink.total !== undefined && this.#sink.bytes === this.#sink.total;
  }

  async #try(): Promise<Trouble | undefined> {
    const { settings, deadline } = this.#options;
    const { lowSpeedBytesPerSecond: least, lowSpeedMs } = settings;
    const speed = new LowSpeed(least, lowSpeedMs);
    const cut = new AbortController();
    const watch = setInterval(() => speed.tick() && cut.abort(), lowSpeedMs / 4);
    try {
      const signal = AbortSignal.any([deadline.signal, cut.signal]);
      return await this.#take(await exchange(this.#url, this.#asked(), settings, signal), speed);
    } catch (error) {
      deadline.signal.throwIfAborted();
      if (error instanceof DownloadFailure) throw error;
      if (cut.signal.aborted) {
        return { reason: `slower than ${least} bytes a second for ${lowSpeedMs / 1000} s, so the connection was cut` };
      }
      const { reason, cures } = networkFault(error);
      if (!cures) throw new DownloadFailure(reason, error);
      return { reason };
    } finally {
      clearInterval(watch);
    }
  }

  #asked(): Asked {
    const { bytes, validator, total } = this.#sink;
    const continues = this.#rangesWork && !this.#startsOver && validator !== undefined;
    return { start: continues ? bytes : 0, validator, total };
  }

  #take(exchanged: Exchanged, speed: LowSpeed): Promise<Trouble | undefined> | Trouble {
    switch (exchanged.kind) {
      case 'body':
        return this.#receive(exchanged, speed);
      case 'expired':
        return this.#refresh(exchanged.reason);
      case 'useless part':
        return this.#startOver(exchanged);
      case 'trouble':
        return exchanged;
    }
  }

  async #receive({ answer, reading }: Exchanged & { kind: 'body' }, speed: LowSpeed): Promise<Trouble | undefined> {
    const { start, length, total, validator } = reading;
    let received = 0;
    try {
      if (total !== undefined) this.#refuseBeyondCap(total);
      await this.#sink.begin(start, total, validator);
      this.#startsOver = false;
      for await (const chunk of answer.body) {
        speed.received(chunk.length);
        received += chunk.length;
        if (length !== undefined && received > length) {
          throw new DownloadFailure(`the server announced ${length} bytes and sent more`);
        }
        this.#refuseBeyondCap(this.#sink.bytes + chunk.length);
        speed.diskBusy = true;
        await this.#sink.append(chunk);
        speed.diskBusy = false;
      }
    } catch (error) {
      // In a body whose length was announced, only what follows it can be no HTTP.
      const isLonger = answer.headers['content-length'] !== undefined && errorCode(error)?.startsWith('HPE_');
      throw isLonger ? new DownloadFailure(`the server announced ${length} bytes and sent more`) : error;
    } finally {
      answer.body.destroy();
    }
    if (length !== undefined && received < length) return { reason: 'the connection was cut' };
    if (total === undefined) this.#sink.end();
    // A server may send less of a range than it was asked for (RFC 9110, 14.2).
    return this.#isComplete() ? undefined : { reason: 'the server sent a part of the file' };
  }

  #refuseBeyondCap(bytes: number): void {
    const { cap } = this.#options;
    if (bytes > cap.bytes) throw new DownloadFailure(`the file has more than ${cap.bytes} bytes: ${cap.reason}`);
  }

  #startOver({ reason, rangesWork }: Exchanged & { kind: 'useless part' }): Trouble {
    this.#rangesWork &&= rangesWork;
    this.#startsOver = true;
    return { reason: `${reason}, so the download starts over` };
  }

  async #refresh(refusal: string): Promise<Trouble | undefined> {
    const { settings, deadline } = this.#options;
    const limit = settings.refreshes ?? DEFAULT_REFRESHES;
    if (this.#sink.bytes >= this.#bytesAtRefresh + PROGRESS_BYTES) this.#refreshes = 0;
    if (this.#refreshes >= limit) {
      throw new DownloadFailure(`${refusal}: the URL has expired, as have ${limit} fresh ones in a row`);
    }
    let fresh: URL;
    try {
      fresh = await deadline.race(this.#source.refresh());
    } catch (error) {
      deadline.signal.throwIfAborted();
      if (error instanceof DownloadFailure) throw error;
      return { reason: `${refusal}: the URL has expired, and the job's document cannot be asked for a fresh one` };
    }
    if (fresh.href === this.#url.href) {
      throw new DownloadFailure(`${refusal}: the URL has expired, and the job's document has no fresh one`);
    }
    this.#url = fresh;
    this.#refreshes += 1;
    this.#bytesAtRefresh = this.#sink.bytes;
    return undefined;
  }

  async #wait({ reason, afterMs = 0 }: Trouble): Promise<void> {
    const { deadline, log } = this.#options;
    const waitMs = this.#budget.failed(this.#sink.bytes, afterMs);
    if (waitMs === undefined) {
      throw new DownloadFailure(`${reason}; gave up after ${this.#budget.failures} tries without progress`);
    }
    if (waitMs >= deadline.remainingMs()) {
      const wait = `${Math.ceil(waitMs / 1000)} s`;
      throw new DownloadFailure(`${reason}; to wait ${wait} is more than the time left (download.timeoutSeconds)`);
    }
    log.warn({ url: shownUrl(this.#url), bytes: this.#sink.bytes, waitMs }, `${reason}; trying again`);
    await deadline.sleep(waitMs);
  }
}

import type { JobsClient } from '../jobs/jobs-client.ts';
import { type StatusDetails, TERMINAL_STATUSES } from '../jobs/model.ts';
import { JobsRejectedError } from '../jobs/rejection.ts';
import { type ExecutionKey, type Journal, keyText, type Report } from '../journal/journal.ts';
import { type Clock, sleep } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { Deferrals } from './retry.ts';

/** Milliseconds between two progress updates of one execution: AWS allows an account 200 writes a second in all. */
const PROGRESS_INTERVAL_MS = 1_000;

/**
 * Outbox → UpdateJobExecution. A result stays in the journal until the service has acknowledged it or has said that the
 * execution is over for good. Updates carry no expectedVersion: reconnect races would make the service reject the truth.
 */
export class Reporter {
  readonly #client: JobsClient;
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #onSettled: () => void;
  readonly #onOutdated: () => void;
  readonly #deferrals: Deferrals;
  /** Results whose status details the service refused: the outcome goes without them. */
  readonly #bare = new Set<string>();
  readonly #progress = new Map<string, { key: ExecutionKey; details: StatusDetails }>();
  readonly #sendingProgress = new Set<string>();
  #session: AbortSignal | undefined;
  #draining: Promise<void> | undefined;
  #drainAgain = false;

  constructor(deps: {
    client: JobsClient;
    journal: Journal;
    log: Log;
    clock: Clock;
    /** The outbox got shorter. */
    onSettled: () => void;
    /** An update was rejected in a way that shows our picture of the service to be old. */
    onOutdated: () => void;
  }) {
    this.#client = deps.client;
    this.#journal = deps.journal;
    this.#log = deps.log;
    this.#clock = deps.clock;
    this.#deferrals = new Deferrals(deps.clock, () => this.wake());
    this.#onSettled = deps.onSettled;
    this.#onOutdated = deps.onOutdated;
  }

  open(session: AbortSignal): void {
    this.#session = session;
    this.#deferrals.clearAll();
    this.wake();
  }

  close(): void {
    this.#session = undefined;
    this.#deferrals.clearAll();
  }

  /** Something was put into the outbox, or may be tried again. */
  wake(): void {
    if (!this.#session) return;
    if (this.#draining) {
      this.#drainAgain = true;
      return;
    }
    this.#draining = this.#drain(this.#session).finally(() => {
      this.#draining = undefined;
      // Something came in after the last look into the outbox.
      if (this.#drainAgain) this.wake();
    });
    this.#drainAgain = false;
  }

  /** Resolves when what can be sent now has been sent, or after `ms`. */
  async flush(ms: number): Promise<void> {
    const waiting = new AbortController();
    this.wake();
    await Promise.race([this.#draining, sleep(this.#clock, ms, waiting.signal)]);
    waiting.abort();
  }

  /** Only the latest details of an execution are kept, and only while it runs: progress is worth no retry. */
  progress(key: ExecutionKey, details: StatusDetails): void {
    const text = keyText(key);
    this.#progress.set(text, { key, details });
    if (this.#sendingProgress.has(text)) return;
    this.#sendingProgress.add(text);
    void this.#sendProgress(text).finally(() => this.#sendingProgress.delete(text));
  }

  /** The execution has its result: unsent progress is void. */
  endProgress(key: ExecutionKey): void {
    this.#progress.delete(keyText(key));
  }

  async #drain(session: AbortSignal): Promise<void> {
    while (!session.aborted) {
      const report = this.#nextReport();
      if (!report) return;
      await this.#send(report, session);
    }
  }

  #nextReport(): Report | undefined {
    try {
      return this.#journal.outbox().find((report) => !this.#deferrals.has(keyText(report)));
    } catch (error) {
      this.#log.error({ err: error }, 'the outbox cannot be read');
      return undefined;
    }
  }

  async #send(report: Report, session: AbortSignal): Promise<void> {
    const { jobId, executionNumber, status, statusDetails } = report;
    const text = keyText(report);
    const details = this.#bare.has(text) ? { reason: 'status details were refused by the service' } : statusDetails;
    try {
      await this.#client.update(jobId, { status, statusDetails: details, executionNumber }, session);
      this.#settle(report);
      this.#log.info({ jobId, executionNumber, status, statusDetails: details }, 'reported');
    } catch (error) {
      if (session.aborted) return;
      this.#handleFailure(report, error);
    }
  }

  #handleFailure(report: Report, error: unknown): void {
    const { jobId, executionNumber, status } = report;
    const text = keyText(report);
    const fields = { jobId, executionNumber, status, err: error };
    const rejection = error instanceof JobsRejectedError ? error.rejection : 'retry';
    const state = error instanceof JobsRejectedError ? error.executionState?.status : undefined;
    if (rejection === 'final' && state !== undefined && !TERMINAL_STATUSES.has(state) && status === 'REJECTED') {
      // Not over, but REJECTED is not taken from IN_PROGRESS (docs/protocol.md, States and versions): say FAILED then.
      this.#log.warn(fields, 'the service does not take REJECTED here; reporting FAILED');
      this.#journal.finish(report, { status: 'FAILED', statusDetails: report.statusDetails });
    } else if (rejection === 'gone' || rejection === 'final') {
      this.#log.warn(fields, 'the service has ended this execution already; its result stays in this log');
      this.#settle(report);
      this.#onOutdated();
    } else if (rejection === 'invalid' && !this.#bare.has(text)) {
      this.#log.error(fields, 'the service refuses the status details; reporting the outcome without them');
      this.#bare.add(text);
    } else if (rejection === 'invalid') {
      this.#log.error(fields, 'the service will never take this result; it stays in this log');
      this.#settle(report);
    } else {
      this.#log.warn({ ...fields, retryInMs: this.#deferrals.defer(text) }, 'the result could not be reported yet');
    }
  }

  #settle(report: Report): void {
    const text = keyText(report);
    try {
      this.#journal.settle(report);
    } catch (error) {
      // Sent, but not noted as sent: it will be sent again, be rejected as final, and be settled then.
      this.#log.error(
        { ...report, err: error, retryInMs: this.#deferrals.defer(text) },
        'the journal cannot be written',
      );
      return;
    }
    this.#deferrals.clear(text);
    this.#bare.delete(text);
    this.#onSettled();
  }

  async #sendProgress(text: string): Promise<void> {
    for (;;) {
      const session = this.#session;
      const latest = this.#progress.get(text);
      if (!latest || !session) return;
      this.#progress.delete(text);
      const { jobId, executionNumber } = latest.key;
      try {
        const request = { status: 'IN_PROGRESS', statusDetails: latest.details, executionNumber } as const;
        await this.#client.update(jobId, request, session);
      } catch (error) {
        if (session.aborted) return;
        this.#log.warn({ jobId, executionNumber, err: error }, 'progress could not be reported');
        if (error instanceof JobsRejectedError && error.rejection !== 'retry') this.#onOutdated();
      }
      await sleep(this.#clock, PROGRESS_INTERVAL_MS, session);
    }
  }
}

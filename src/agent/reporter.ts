import { JobsRejectedError } from '../jobs/rejection.ts';
import { type Journal, keyText, type Report } from '../journal/journal.ts';
import { type Clock, sleep } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { ExecutionUpdates } from './execution-updates.ts';
import { Deferrals } from './retry.ts';

interface ReporterDeps {
  readonly updates: ExecutionUpdates;
  readonly journal: Journal;
  readonly log: Log;
  readonly clock: Clock;
  /** The outbox got shorter. */
  readonly onSettled: () => void;
  /** An update was rejected in a way that shows our picture of the service to be old. */
  readonly onOutdated: () => void;
}

/**
 * Outbox → UpdateJobExecution. A result stays in the journal until the service has acknowledged it, or has said, and said
 * again when asked, that the execution is over for good. Should the service list it as IN_PROGRESS after all, the intake
 * puts it back.
 */
export class Reporter {
  readonly #deps: ReporterDeps;
  readonly #deferrals: Deferrals;
  /** Results whose status details the service refused: the outcome goes without them. */
  readonly #bare = new Set<string>();
  #session: AbortSignal | undefined;
  #draining: Promise<void> | undefined;
  #drainAgain = false;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
    this.#deferrals = new Deferrals(deps.clock, () => this.wake());
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

  /** What could not be noted can be: whatever waits may be tried again. */
  storageRecovered(): void {
    this.#deferrals.clearAll();
    this.wake();
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
    await Promise.race([this.#draining, sleep(this.#deps.clock, ms, waiting.signal)]);
    waiting.abort();
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
      return this.#deps.journal.outbox().find((report) => !this.#deferrals.has(keyText(report)));
    } catch (error) {
      this.#deps.log.error({ err: error }, 'the outbox cannot be read');
      return undefined;
    }
  }

  async #send(report: Report, session: AbortSignal): Promise<void> {
    const { jobId, executionNumber, status, statusDetails } = report;
    const bare = { reason: 'status details were refused by the service' };
    const details = this.#bare.has(keyText(report)) ? bare : statusDetails;
    try {
      // A job is refused before it is claimed.
      const begun = status !== 'REJECTED';
      const end = await this.#deps.updates.send(report, { status, statusDetails: details }, session, { begun });
      const fields = { jobId, executionNumber, status, statusDetails: details };
      if (end.kind === 'accepted') {
        this.#deps.log.info(fields, 'reported');
        this.#settle(report);
        return;
      }
      const text = 'the service has ended this execution already; its result stays in this log';
      this.#deps.log.warn({ ...fields, why: end.why }, text);
      this.#settle(report, end.isDenial ? 'denied' : 'acknowledged');
      this.#deps.onOutdated();
    } catch (error) {
      if (!session.aborted) this.#handleFailure(report, error);
    }
  }

  #handleFailure(report: Report, error: unknown): void {
    const { jobId, executionNumber, status } = report;
    const { log } = this.#deps;
    const text = keyText(report);
    const fields = { jobId, executionNumber, status, err: error };
    const rejection = error instanceof JobsRejectedError ? error.rejection : 'retry';
    if (rejection === 'final' && status === 'REJECTED') {
      // Not over, but REJECTED is not taken from IN_PROGRESS (docs/protocol.md, States and versions): say FAILED then.
      log.warn(fields, 'the service does not take REJECTED here; reporting FAILED');
      this.#write(report, () => this.#deps.journal.finish(report, { ...report, status: 'FAILED' }));
    } else if (rejection === 'invalid' && !this.#bare.has(text)) {
      log.error(fields, 'the service refuses the status details; reporting the outcome without them');
      this.#bare.add(text);
    } else {
      log.warn({ ...fields, retryInMs: this.#deferrals.defer(text) }, 'the result could not be reported yet');
    }
  }

  #settle(report: Report, how: 'acknowledged' | 'denied' = 'acknowledged'): void {
    const text = keyText(report);
    // Sent, but not noted as sent: it will be sent again, be found over, and be settled then.
    if (!this.#write(report, () => this.#deps.journal.settle(report, how))) return;
    this.#deferrals.clear(text);
    this.#bare.delete(text);
    this.#deps.updates.forget(report);
    this.#deps.onSettled();
  }

  #write({ jobId, executionNumber, ...key }: Report, write: () => void): boolean {
    try {
      write();
      return true;
    } catch (error) {
      const retryInMs = this.#deferrals.defer(keyText({ jobId, executionNumber, ...key }));
      this.#deps.log.error({ jobId, executionNumber, err: error, retryInMs }, 'the journal cannot be written');
      return false;
    }
  }
}

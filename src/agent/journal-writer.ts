import { errorCode } from '../errors.ts';
import type { ExecutionWriter } from '../execution/run-options.ts';
import type { ExecutionKey, Journal, Outcome } from '../journal/journal.ts';
import type { StepEvent } from '../journal/step-record.ts';
import { type Clock, sleep } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { diskRetryDelayMs } from './retry.ts';

interface JournalWriterDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted: the agent ends. */
  readonly cutOff: AbortSignal;
}

/**
 * The journal, for one execution. What has been done must be written: on a full or failing disk it is tried until it is.
 * What the table of states does not allow is a defect that no other try mends: that is thrown, and costs this job.
 */
export class JournalWriter implements ExecutionWriter {
  readonly #deps: JournalWriterDeps;
  readonly #key: ExecutionKey;

  constructor(deps: JournalWriterDeps, key: ExecutionKey) {
    this.#deps = deps;
    this.#key = key;
  }

  before(event: StepEvent): void {
    this.#deps.journal.step(this.#key, event);
  }

  after(event: StepEvent): Promise<void> {
    return this.persist(() => this.#deps.journal.step(this.#key, event));
  }

  conclude(outcome: Outcome): Promise<void> {
    return this.persist(() => this.#deps.journal.conclude(this.#key, outcome));
  }

  saveProgress(value: unknown): void {
    this.#deps.journal.saveProgress(this.#key, value);
  }

  /** Tries until it is written. Rejects when the agent is cut off, and with JOURNAL_STATE, which no waiting mends. */
  async persist(write: () => void): Promise<void> {
    const { cutOff, clock, log } = this.#deps;
    for (let attempt = 0; ; attempt += 1) {
      try {
        write();
        return;
      } catch (error) {
        if (cutOff.aborted || errorCode(error) === 'JOURNAL_STATE') throw error;
        const retryInMs = diskRetryDelayMs(attempt);
        const { jobId, executionNumber } = this.#key;
        log.error({ jobId, executionNumber, err: error, retryInMs }, 'the journal cannot be written');
        await sleep(clock, retryInMs, cutOff);
      }
    }
  }
}

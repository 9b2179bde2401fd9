import { statusDetails } from '../execution/status-details.ts';
import type { UpdateRequest } from '../jobs/jobs-client.ts';
import type { StatusDetails } from '../jobs/model.ts';
import { JobsRejectedError } from '../jobs/rejection.ts';
import { keyText } from '../journal/journal.ts';
import { underAnySignal } from '../system/any-signal.ts';
import { type Clock, sleep } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { ExecutionIdentity, ExecutionUpdates } from './execution-updates.ts';
import { retryDelayMs } from './retry.ts';

/** Milliseconds between two progress updates of one execution: AWS allows an account 200 writes a second in all. */
const PROGRESS_INTERVAL_MS = 1_000;

/** What is told while an execution runs: details, and the service's step timer. */
export type Progress = Pick<UpdateRequest, 'statusDetails' | 'stepTimeoutInMinutes'>;

interface Unsent {
  readonly identity: ExecutionIdentity;
  progress: Progress | undefined;
  /** What the execution itself has said last, and what is said beside it. */
  details: StatusDetails;
  remarks: StatusDetails;
  sending: Promise<void> | undefined;
}

interface ProgressSenderDeps {
  readonly updates: ExecutionUpdates;
  readonly clock: Clock;
  readonly log: Log;
  /** The service has ended the execution. */
  readonly onOver: (identity: ExecutionIdentity, why: string) => void;
}

/**
 * Progress of running executions: coalesced, only the latest unsent details of one survive. An update that got no answer
 * is sent again, for the service's step timer hangs on it.
 */
export class ProgressSender {
  readonly #deps: ProgressSenderDeps;
  readonly #unsent = new Map<string, Unsent>();
  /** Aborted by `flush()`: updates follow one another without an interval. */
  readonly #hurry = new AbortController();
  #session: AbortSignal | undefined;

  constructor(deps: ProgressSenderDeps) {
    this.#deps = deps;
  }

  open(session: AbortSignal): void {
    this.#session = session;
    for (const unsent of this.#unsent.values()) this.#start(unsent);
  }

  close(): void {
    this.#session = undefined;
  }

  progress(identity: ExecutionIdentity, progress: Progress): void {
    const unsent = this.#entry(identity);
    unsent.details = progress.statusDetails ?? unsent.details;
    unsent.progress = { ...unsent.progress, ...progress };
    this.#start(unsent);
  }

  /** Says something of the device beside the details of an execution, from now to its end. */
  remark(identity: ExecutionIdentity, remarks: StatusDetails): void {
    const unsent = this.#entry(identity);
    unsent.remarks = { ...unsent.remarks, ...remarks };
    unsent.progress = { ...unsent.progress, statusDetails: unsent.details };
    this.#start(unsent);
  }

  /** The execution runs no more: what is unsent is void. */
  end(identity: ExecutionIdentity): void {
    this.#unsent.delete(keyText(identity));
  }

  /** For the end of the agent: resolves when what can be sent now has been sent, or after `ms`. */
  async flush(ms: number): Promise<void> {
    this.#hurry.abort();
    const waiting = new AbortController();
    const sent = Promise.all([...this.#unsent.values()].map(({ sending }) => sending));
    await Promise.race([sent, sleep(this.#deps.clock, ms, waiting.signal)]);
    waiting.abort();
  }

  #entry(identity: ExecutionIdentity): Unsent {
    const text = keyText(identity);
    const known = this.#unsent.get(text);
    if (known && known.identity.queuedAt === identity.queuedAt) return known;
    const unsent = { identity, progress: undefined, details: {}, remarks: {}, sending: undefined };
    this.#unsent.set(text, unsent);
    return unsent;
  }

  #start(unsent: Unsent): void {
    if (unsent.sending || !this.#session) return;
    unsent.sending = this.#send(unsent, this.#session).finally(() => {
      unsent.sending = undefined;
      // Something came in after the last look, or with a new session.
      if (unsent.progress && this.#isCurrent(unsent)) this.#start(unsent);
    });
  }

  #isCurrent(unsent: Unsent): boolean {
    return this.#unsent.get(keyText(unsent.identity)) === unsent;
  }

  async #send(unsent: Unsent, session: AbortSignal): Promise<void> {
    const { updates, clock, log, onOver } = this.#deps;
    const { identity } = unsent;
    for (let failures = 0; unsent.progress && this.#isCurrent(unsent) && !session.aborted; ) {
      const { progress } = unsent;
      unsent.progress = undefined;
      try {
        const update = { status: 'IN_PROGRESS', ...withRemarks(progress, unsent.remarks) } as const;
        const end = await updates.send(identity, update, session);
        failures = 0;
        if (end.kind === 'over') {
          this.end(identity);
          onOver(identity, end.why);
          return;
        }
        await underAnySignal([session, this.#hurry.signal], (signal) => sleep(clock, PROGRESS_INTERVAL_MS, signal));
      } catch (error) {
        putBack(unsent, isInvalid(error) ? withoutDetails(progress) : progress);
        if (session.aborted) return;
        const { jobId, executionNumber } = identity;
        const retryInMs = retryDelayMs(failures);
        failures += 1;
        log.warn({ jobId, executionNumber, err: error, retryInMs }, 'progress could not be reported yet');
        await sleep(clock, retryInMs, session);
      }
    }
  }
}

/** They come first, so that they are there whatever is cut. */
function withRemarks(progress: Progress, remarks: StatusDetails): Progress {
  if (progress.statusDetails === undefined) return progress;
  return { ...progress, statusDetails: statusDetails({ ...remarks, ...progress.statusDetails }) };
}

function isInvalid(error: unknown): boolean {
  return error instanceof JobsRejectedError && error.rejection === 'invalid';
}

/** Details that the service refuses must not keep the step timer from being set. */
function withoutDetails({ statusDetails: _, ...rest }: Progress): Progress {
  return rest;
}

/** What came in meanwhile stands above what was not taken. */
function putBack(unsent: Unsent, progress: Progress): void {
  const all = { ...progress, ...unsent.progress };
  unsent.progress = Object.keys(all).length === 0 ? undefined : all;
}

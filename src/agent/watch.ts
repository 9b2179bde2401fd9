import type { JobExecution } from '../jobs/model.ts';
import { type ExecutionKey, keyText, type ListedExecution } from '../journal/journal.ts';
import { type Clock, sleep, type Timer } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { ExecutionIdentity, ExecutionUpdates } from './execution-updates.ts';
import { retryDelayMs } from './retry.ts';

interface Watched {
  readonly identity: ExecutionIdentity;
  readonly unwanted: AbortController;
  looking: boolean;
  /** Something gave a new reason to look while one look was under way. */
  lookAgain: boolean;
  timer: Timer | undefined;
}

/** Seconds after the announced time-out of an execution: the service itself may be a minute late (API reference). */
const TIMED_OUT_GRACE_SECONDS = 5;

/**
 * Whether what runs here is still wanted. A device is not told of a cancellation (docs/protocol.md): its job is missing
 * from the next list, is not what is next, or its update is refused. Whatever is a sign of that makes us describe the
 * execution, and the answer decides.
 */
export class Watch {
  readonly #updates: ExecutionUpdates;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watched = new Map<string, Watched>();
  #session: AbortSignal | undefined;

  constructor(deps: { updates: ExecutionUpdates; clock: Clock; log: Log }) {
    this.#updates = deps.updates;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** What was doubtful when the last session ended is so still. */
  open(session: AbortSignal): void {
    this.#session = session;
    for (const watched of this.#watched.values()) if (watched.lookAgain) this.#look(watched);
  }

  close(): void {
    this.#session = undefined;
  }

  /**
   * The execution is IN_PROGRESS, by this device: `unwanted` is aborted when the service has ended it. Returns what ends
   * the watch.
   */
  start(identity: ExecutionIdentity, unwanted: AbortController): () => void {
    const watched: Watched = { identity, unwanted, looking: false, lookAgain: false, timer: undefined };
    const text = keyText(identity);
    this.#watched.set(text, watched);
    return () => {
      watched.timer?.cancel();
      if (this.#watched.get(text) === watched) this.#watched.delete(text);
    };
  }

  /** The service will end the execution by itself in so many seconds, should nothing happen. */
  timesOutIn(key: ExecutionKey, seconds: number | undefined): void {
    const watched = this.#watched.get(keyText(key));
    if (!watched || seconds === undefined) return;
    watched.timer?.cancel();
    watched.timer = this.#clock.setTimer((Math.max(0, seconds) + TIMED_OUT_GRACE_SECONDS) * 1000, () =>
      this.#look(watched),
    );
  }

  /**
   * A list has come. What it does not name, or names as another job, or as QUEUED, is looked at. One that was cut names
   * what is IN_PROGRESS all the same, for that comes first (docs/protocol.md, Pending lists).
   */
  listed(executions: readonly ListedExecution[], complete: boolean): void {
    const named = new Map(executions.map((execution) => [keyText(execution), execution]));
    const namesRunning = complete || executions.some(({ status }) => status === 'QUEUED');
    for (const [text, watched] of this.#watched) {
      const execution = named.get(text);
      if (execution ? isSign(execution, watched.identity) : namesRunning) this.#look(watched);
    }
  }

  /** What is next has changed: of what runs here, only one that has ended makes room for another. */
  next(execution: (ExecutionIdentity & Pick<JobExecution, 'status'>) | undefined): void {
    const same = execution && this.#watched.get(keyText(execution));
    if (same && !isSign(execution, same.identity)) return;
    for (const watched of this.#watched.values()) this.#look(watched);
  }

  /** The service has said it itself. */
  over(identity: ExecutionIdentity, why: string): void {
    const watched = this.#watched.get(keyText(identity));
    if (watched && !isOther(watched.identity.queuedAt, identity.queuedAt)) this.#end(watched, why);
  }

  #look(watched: Watched): void {
    watched.lookAgain = true;
    if (watched.looking || !this.#session) return;
    watched.looking = true;
    void this.#describe(watched, this.#session).finally(() => {
      watched.looking = false;
      if (watched.lookAgain && this.#session && this.#isWatched(watched)) this.#look(watched);
    });
  }

  async #describe(watched: Watched, session: AbortSignal): Promise<void> {
    for (let failures = 0; this.#isWatched(watched) && !session.aborted; failures += 1) {
      watched.lookAgain = false;
      try {
        const described = await this.#updates.describe(watched.identity, session);
        if (described.kind === 'over') this.#end(watched, described.why);
        else this.timesOutIn(watched.identity, described.execution.approximateSecondsBeforeTimedOut);
        return;
      } catch (error) {
        watched.lookAgain = true;
        if (session.aborted) return;
        const { jobId, executionNumber } = watched.identity;
        const retryInMs = retryDelayMs(failures);
        this.#log.warn(
          { jobId, executionNumber, err: error, retryInMs },
          'whether a running job is still wanted is unknown',
        );
        await sleep(this.#clock, retryInMs, session);
      }
    }
  }

  #isWatched(watched: Watched): boolean {
    return !watched.unwanted.signal.aborted && this.#watched.get(keyText(watched.identity)) === watched;
  }

  #end(watched: Watched, why: string): void {
    const { jobId, executionNumber } = watched.identity;
    if (watched.unwanted.signal.aborted) return;
    this.#log.info({ jobId, executionNumber, why }, 'a running job is no longer wanted: it is ended');
    watched.unwanted.abort();
  }
}

/** Of what is IN_PROGRESS here: QUEUED is another job, of the same second perhaps, or old news. */
function isSign(execution: ExecutionIdentity & { readonly status: string }, running: ExecutionIdentity): boolean {
  return execution.status === 'QUEUED' || isOther(execution.queuedAt, running.queuedAt);
}

function isOther(one: number, other: number): boolean {
  return one !== other && one !== 0 && other !== 0;
}

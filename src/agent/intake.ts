import type { JobsClient } from '../jobs/jobs-client.ts';
import { type JobExecution, PENDING_LIST_LIMIT } from '../jobs/model.ts';
import { JobsRejectedError } from '../jobs/rejection.ts';
import type { PendingList } from '../jobs/wire.ts';
import type { Journal, ListedExecution } from '../journal/journal.ts';
import { keyText } from '../journal/journal.ts';
import { type Clock, sleep, type Timer } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { ExecutionIdentity, ExecutionUpdates } from './execution-updates.ts';
import { retryDelayMs } from './retry.ts';
import type { Watch } from './watch.ts';

/** Milliseconds that a document from a notification is used for: presigned URLs in it may live only a minute. */
const FRESH_DOCUMENT_MS = 30_000;

/** Milliseconds after which the list is asked for though nothing was heard. */
const LIST_INTERVAL_MS = 3_600_000;

/**
 * Pending lists and notifications → journal. The service is the authority on what should run: it is asked on every
 * connect, and again whenever a rejected update shows that our picture is old.
 */
export class Intake {
  readonly #client: JobsClient;
  readonly #updates: Pick<ExecutionUpdates, 'describe' | 'forget'>;
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #watch: Watch;
  readonly #onChange: () => void;
  readonly #onReopened: () => void;
  #session: AbortSignal | undefined;
  #asking = false;
  #askAgain = false;
  #complete = true;
  #askedInVain = false;
  #fresh: { execution: JobExecution; at: number } | undefined;
  #hourly: Timer | undefined;
  /** What could not be written was lost: the list is asked for again, with back-off. */
  #lost: Timer | undefined;
  #losses = 0;
  /** Settled executions that are being looked at, and whether a list has named them once more meanwhile. */
  readonly #looks = new Map<string, { again: boolean }>();

  constructor(deps: {
    client: JobsClient;
    updates: Pick<ExecutionUpdates, 'describe' | 'forget'>;
    journal: Journal;
    log: Log;
    clock: Clock;
    watch: Watch;
    onChange: () => void;
    /** A result waits in the outbox again. */
    onReopened: () => void;
  }) {
    this.#client = deps.client;
    this.#updates = deps.updates;
    this.#journal = deps.journal;
    this.#log = deps.log;
    this.#clock = deps.clock;
    this.#watch = deps.watch;
    this.#onChange = deps.onChange;
    this.#onReopened = deps.onReopened;
  }

  /** A connection is up and subscribed. Resolves when its first list is in the journal, or the session has ended. */
  async open(session: AbortSignal): Promise<void> {
    this.#session = session;
    this.#askedInVain = false;
    this.#askHourly();
    await this.#ask(session);
  }

  close(): void {
    this.#session = undefined;
    this.#fresh = undefined;
    this.#hourly?.cancel();
    this.#lost?.cancel();
    this.#lost = undefined;
  }

  /** Asks for the list once more. Calls while one is under way become one. */
  refresh(): void {
    if (!this.#session) return;
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    void this.#ask(this.#session);
  }

  /** Nothing is left to do here: a list that may have been cut at the service's limit is asked for again. */
  drained(): void {
    if (this.#complete || this.#askedInVain) return;
    this.refresh();
  }

  notify(list: PendingList): void {
    this.#askedInVain = false;
    this.#record(list, 'notify');
  }

  notifyNext(execution: JobExecution | undefined, timestamp: number | undefined): void {
    this.#watch.next(execution);
    if (!execution || (execution.status !== 'QUEUED' && execution.status !== 'IN_PROGRESS')) return;
    const { jobId, executionNumber, status, queuedAt } = execution;
    if (execution.jobDocument !== undefined) {
      this.#fresh = { execution, at: this.#clock.now() };
    }
    this.#guard('notify-next', () => this.#journal.recordOne({ jobId, executionNumber, status, queuedAt }, timestamp));
  }

  /** The execution as a notification brought it moments ago, once. Without one the caller describes it. */
  takeFresh(identity: ExecutionIdentity): JobExecution | undefined {
    const fresh = this.#fresh;
    if (!fresh || keyText(fresh.execution) !== keyText(identity)) return undefined;
    if (fresh.execution.queuedAt !== identity.queuedAt) return undefined;
    this.#fresh = undefined;
    return this.#clock.now() - fresh.at < FRESH_DOCUMENT_MS ? fresh.execution : undefined;
  }

  /** Notifications may be lost: a job must not wait for the next one for ever. */
  #askHourly(): void {
    this.#hourly?.cancel();
    this.#hourly = this.#clock.setTimer(LIST_INTERVAL_MS, () => {
      this.refresh();
      this.#askHourly();
    });
  }

  async #ask(session: AbortSignal): Promise<void> {
    this.#asking = true;
    try {
      for (let attempt = 0; !session.aborted; attempt += 1) {
        this.#askAgain = false;
        if (await this.#askOnce(session, attempt)) {
          if (!this.#askAgain) return;
          attempt = -1;
        }
      }
    } finally {
      this.#asking = false;
    }
  }

  async #askOnce(session: AbortSignal, attempt: number): Promise<boolean> {
    try {
      this.#record(await this.#client.getPending(session), 'get');
      return true;
    } catch (error) {
      if (session.aborted) return true;
      const delay = retryDelayMs(attempt);
      const permanent = error instanceof JobsRejectedError && error.rejection !== 'retry';
      const fields = { err: error, retryInMs: delay };
      if (permanent) {
        this.#log.error(fields, 'the service refuses to list this thing’s jobs: check the thing name and its policy');
      } else this.#log.warn(fields, 'the pending jobs could not be read; asking again');
      await sleep(this.#clock, delay, session);
      return false;
    }
  }

  #record(list: PendingList, source: 'get' | 'notify'): void {
    const executions = [...listed(list.inProgress, 'IN_PROGRESS'), ...listed(list.queued, 'QUEUED')];
    const complete = list.unreadable === 0 && executions.length < PENDING_LIST_LIMIT;
    if (list.unreadable > 0) {
      this.#log.warn({ source, unreadable: list.unreadable }, 'entries of the pending list cannot be understood');
    }
    this.#guard(source, () => {
      const { timestamp } = list;
      const { added, dropped, doubtful } = this.#journal.recordList({ timestamp, executions, complete });
      for (const execution of doubtful) void this.#lookAtSettled(execution);
      this.#complete = complete;
      if (source === 'get') this.#askedInVain = !complete && added === 0;
      this.#watch.listed(executions, complete);
      this.#log.info({ source, listed: executions.length, complete, added, dropped }, 'pending jobs');
    });
  }

  /** The list is old, or the execution has not ended there: only the execution itself can tell. */
  async #lookAtSettled(execution: ListedExecution): Promise<void> {
    const session = this.#session;
    if (!session) return;
    const text = keyText(execution);
    const underWay = this.#looks.get(text);
    if (underWay) {
      underWay.again = true;
      return;
    }
    const look = { again: false };
    this.#looks.set(text, look);
    const { jobId, executionNumber } = execution;
    try {
      const described = await this.#updates.describe(execution, session, { begun: false });
      this.#updates.forget(execution);
      if (described.kind === 'there') {
        // A second answer would be about what this one leads to.
        look.again = false;
        this.#takeUpAgain(execution, described.execution.status);
      }
    } catch (error) {
      // The next list that names it brings it here again.
      if (!session.aborted) this.#log.warn({ jobId, executionNumber, err: error }, 'a settled execution is listed');
    } finally {
      this.#looks.delete(text);
      if (look.again) void this.#lookAtSettled(execution);
    }
  }

  /**
   * What is QUEUED is another job: this one's was deleted and made anew within one second of `queuedAt`. What is kept
   * against running twice must not keep that one from running. What is IN_PROGRESS was denied by mishap: it has to end.
   */
  #takeUpAgain(execution: ListedExecution, status: JobExecution['status']): void {
    const { jobId, executionNumber } = execution;
    if (status === 'QUEUED') {
      this.#log.warn({ jobId, executionNumber }, 'a settled execution is QUEUED anew: it is another job, and runs');
      // Its document would pass for the other one's.
      if (this.#fresh && keyText(this.#fresh.execution) === keyText(execution)) this.#fresh = undefined;
      this.#journal.readmit(execution);
      this.refresh();
      return;
    }
    const text = 'the service has a settled execution IN_PROGRESS: it is told its result, and no step of it runs again';
    this.#log.warn({ jobId, executionNumber }, text);
    this.#journal.reopen(execution, { reason: SETTLED });
    this.#onReopened();
  }

  /** A journal that cannot be written costs this message, not the agent: another list brings it again. */
  #guard(source: string, record: () => void): void {
    try {
      record();
      this.#losses = 0;
    } catch (error) {
      this.#log.error({ source, err: error }, 'the journal could not take in the pending jobs');
      this.#askForLost();
      return;
    }
    this.#onChange();
  }

  #askForLost(): void {
    if (!this.#session || this.#lost) return;
    this.#lost = this.#clock.setTimer(retryDelayMs(this.#losses), () => {
      this.#lost = undefined;
      this.refresh();
    });
    this.#losses += 1;
  }
}

/** For a result whose details are not kept, or for none. */
const SETTLED =
  'this execution had ended here, and the service has it IN_PROGRESS: it is told once more, and none of its steps was run again';

function listed(summaries: PendingList['queued'], status: ListedExecution['status']): readonly ListedExecution[] {
  return summaries.map(({ jobId, executionNumber, queuedAt }) => ({ jobId, executionNumber, queuedAt, status }));
}

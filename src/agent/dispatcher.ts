import { StartsAgain } from '../handlers/starts-again.ts';
import { type Journal, keyText, type RunnableExecution } from '../journal/journal.ts';
import { underAnySignal } from '../system/any-signal.ts';
import { type Clock, sleep } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { ExecutionRunner } from './execution-runner.ts';
import type { Intake } from './intake.ts';
import type { Rebooter } from './rebooter.ts';
import { Deferrals } from './retry.ts';
import type { StorageGate } from './storage-gate.ts';

interface DispatcherDeps {
  readonly concurrency: number;
  readonly journal: Journal;
  readonly runner: ExecutionRunner;
  readonly intake: Pick<Intake, 'drained'>;
  readonly rebooter: Rebooter;
  readonly storage: Pick<StorageGate, 'isOpen'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted by `stop()`: at once, and after its grace. */
  readonly stopping: AbortController;
  readonly cutOff: AbortController;
}

/** Milliseconds that a step may take to end once it is cut off: TERM, a grace and KILL are within it. */
const CUT_OFF_MS = 30_000;

/** What runs next, and how many at once. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #running = new Map<string, { readonly execution: RunnableExecution; readonly run: Promise<void> }>();
  /** After a passing fault: void with the connection that it came over. */
  readonly #faults: Deferrals;
  /** What a step has asked to be run again later. */
  readonly #later: Deferrals;
  #session: AbortSignal | undefined;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#faults = new Deferrals(deps.clock, () => this.wake());
    this.#later = new Deferrals(deps.clock, () => this.wake());
  }

  /** The session's first list is in the journal: executions may start. */
  open(session: AbortSignal): void {
    this.#session = session;
    this.#faults.clearAll();
    this.wake();
  }

  /** The connection is gone: what runs goes on, nothing new starts. */
  close(): void {
    this.#session = undefined;
    this.#faults.clearAll();
  }

  /** What could not begin or go on for want of the disk can. */
  storageRecovered(): void {
    this.#faults.clearAll();
    this.wake();
  }

  /** What is being worked on now and has been claimed. */
  get running(): readonly RunnableExecution[] {
    return [...this.#running.values()]
      .map(({ execution }) => execution)
      .filter((execution) => (this.#deps.journal.find(execution)?.state ?? 'queued') !== 'queued');
  }

  /**
   * Takes nothing new and lets the running step end; after `graceMs` it is cut off. Resolves when nothing runs; at last
   * without a step that does not heed that either: to the next start it was interrupted.
   */
  async stop(graceMs: number): Promise<void> {
    const { clock, stopping, cutOff, log } = this.#deps;
    stopping.abort();
    const cut = clock.setTimer(graceMs, () => cutOff.abort(new StartsAgain('the agent stops')));
    const ended = new AbortController();
    const runs = Promise.all([...this.#running.values()].map(({ run }) => run));
    await Promise.race([runs, sleep(clock, graceMs + CUT_OFF_MS, ended.signal)]);
    ended.abort();
    cut.cancel();
    this.#later.clearAll();
    const running = [...this.#running.keys()];
    if (running.length > 0)
      log.error({ running }, 'a step does not end though it was cut off: the agent stops without it');
  }

  /** The journal, or what may run now, has changed. */
  wake(): void {
    const { concurrency, intake, log, rebooter, stopping } = this.#deps;
    const session = this.#session;
    if (!session || stopping.signal.aborted || rebooter.wanted) return;
    try {
      while (this.#running.size < concurrency) {
        const next = this.#next();
        if (!next) break;
        this.#launch(next, session);
      }
      if (this.#running.size === 0 && this.#nothingLeft()) intake.drained();
    } catch (error) {
      log.error({ err: error }, 'the journal cannot be read');
    }
  }

  #nothingLeft(): boolean {
    const { journal } = this.#deps;
    return journal.runnable().length === 0 && journal.outbox().length === 0;
  }

  /**
   * While one waits for the device to start anew, nothing else starts: also after an end of the agent alone, when it is
   * yet to ask for that again.
   */
  #next(): RunnableExecution | undefined {
    const { journal, rebooter } = this.#deps;
    const all = journal.runnable();
    const rebooting = all.filter((execution) => rebooter.isDueFor(execution));
    return (rebooting.length > 0 ? rebooting : all).find((execution) => this.#mayRun(execution));
  }

  #mayRun(execution: RunnableExecution): boolean {
    // What has begun goes on; what has not is left at the service while the disk has no room for it.
    return this.#isFree(execution) && (execution.state !== 'queued' || this.#deps.storage.isOpen());
  }

  /** Of one job never two executions at once: what one leaves behind, its cleanup may still be tidying up. */
  #isFree(execution: RunnableExecution): boolean {
    const key = keyText(execution);
    if (this.#faults.has(key) || this.#later.has(key)) return false;
    return ![...this.#running.values()].some(({ execution: { jobId } }) => jobId === execution.jobId);
  }

  #launch(execution: RunnableExecution, session: AbortSignal): void {
    const { cutOff, rebooter } = this.#deps;
    const key = keyText(execution);
    const run = underAnySignal([session, cutOff.signal], (signal) => this.#process(execution, signal)).finally(() => {
      this.#running.delete(key);
      rebooter.running(this.#running.size);
      this.wake();
    });
    this.#running.set(key, { execution, run });
    rebooter.running(this.#running.size);
  }

  async #process(execution: RunnableExecution, session: AbortSignal): Promise<void> {
    const { runner, log } = this.#deps;
    const { jobId, executionNumber } = execution;
    const key = keyText(execution);
    try {
      const unwanted = new AbortController();
      const processed = await runner.process(execution, { session, unwanted, currentSession: () => this.#session });
      if (processed !== 'later') this.#later.clear(key);
      if (processed === 'over') this.#faults.clear(key);
      else if (processed === 'later') this.#later.defer(key);
      // Should a list name it all the same, the back-off keeps that from becoming a tight loop.
      else this.#faults.defer(key);
    } catch (error) {
      if (session.aborted) return;
      const retryInMs = this.#faults.defer(key);
      const fields = { jobId, executionNumber, err: error, retryInMs };
      log.warn(fields, 'this execution cannot go on now; it is tried again');
    }
  }
}

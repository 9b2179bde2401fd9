import { ThingAgentError } from '../errors.ts';
import type { StatusDetails } from '../jobs/model.ts';
import type { Batch } from './execution-set.ts';
import type { ExecutionStore } from './execution-store.ts';
import {
  type ExecutionKey,
  type Journal,
  keyText,
  type ListedExecution,
  type Outcome,
  type RecordedList,
  type Report,
  type Result,
  type RunnableExecution,
} from './journal.ts';
import { type ExecutionState, nextState, type StateEvent } from './states.ts';
import { afterEvent, freshStep, type StepEvent } from './step-record.ts';
import {
  freshExecution,
  isUnfinished,
  reportFrom,
  runnableFrom,
  type StoredExecution,
  stepFrom,
} from './stored-execution.ts';

/** Settled executions kept against being run twice, at least; the service itself lists at most 15 at a time. */
export const SETTLED_KEPT = 1_000;
/** Beyond them: forgotten at once, for neighbours in the file share pages. */
export const SETTLED_FORGOTTEN_AT_ONCE = 64;
/** Queued executions kept while lists are cut at the service's limit; those named longest ago come with a later list. */
export const QUEUED_KEPT = 100;

/** What happens to executions, kept by an ExecutionStore. */
export class DurableJournal implements Journal {
  readonly #store: ExecutionStore;

  constructor(store: ExecutionStore) {
    this.#store = store;
  }

  recordList(list: RecordedList): { added: number; dropped: number; doubtful: ListedExecution[] } {
    const batch = this.#store.executions.batch();
    const doubtful = list.executions.filter((listed) => isDoubtful(batch.get(listed), listed));
    let added = 0;
    for (const [position, execution] of list.executions.entries()) {
      if (this.#record(batch, execution, list.timestamp, position)) added += 1;
    }
    const dropped = this.#dropUnnamed(batch, list) + this.#dropBeyond(batch, list.executions);
    this.#store.commit(batch, list.complete);
    return { added, dropped, doubtful };
  }

  recordOne(execution: ListedExecution, timestamp: number | undefined): boolean {
    return this.#change((batch) => {
      const isNew = this.#record(batch, execution, timestamp, 0);
      this.#dropBeyond(batch, [execution]);
      return isNew;
    });
  }

  runnable(): RunnableExecution[] {
    return this.#store.executions.unsettled().filter(isUnfinished).sort(inOrder).map(runnableFrom);
  }

  find(key: ExecutionKey): RunnableExecution | undefined {
    const execution = this.#store.executions.get(key);
    return execution && isUnfinished(execution) ? runnableFrom(execution) : undefined;
  }

  claim(key: ExecutionKey & { queuedAt: number }, work: { document: unknown; handler: string }): void {
    // Survives: a crash right after the service accepted IN_PROGRESS. Without it the execution would be found
    // IN_PROGRESS in the next list and claimed anew, which is harmless: no step has run.
    this.#change((batch) => {
      if (isTaken(batch.get(key), key)) return;
      batch.put({
        // A list may have dropped it while the claim was under way.
        ...(batch.get(key) ?? freshExecution(key, batch.nextSequence())),
        state: 'claimed',
        serviceStatus: 'IN_PROGRESS',
        document: JSON.stringify(work.document ?? null),
        handler: work.handler,
        step: JSON.stringify(freshStep(0)),
        progress: null,
        details: null,
        elapsedMs: 0,
      });
    });
  }

  step(key: ExecutionKey, event: StepEvent): void {
    // Survives: `start`, a crash inside the step, counted before the act, so that a step which takes the device down
    // with it is known to have been tried; `finishStep`, a crash after it, which is not to run it again; `reboot`, the
    // reboot itself.
    this.#change((batch) => {
      const [execution, state] = moved(batch, key, event.type);
      const isOver = event.type === 'finishStep' || event.type === 'skip';
      const hasDetails = event.type === 'finishStep' && state !== 'cleaning';
      batch.put({
        ...execution,
        state,
        step: JSON.stringify(afterEvent(stepFrom(execution), event)),
        elapsedMs: Math.round(event.elapsedMs),
        progress: isOver ? null : execution.progress,
        details: hasDetails ? JSON.stringify(event.details) : execution.details,
      });
    });
  }

  saveProgress(key: ExecutionKey, value: unknown): void {
    this.#change((batch) => {
      const execution = batch.get(key);
      if (execution) batch.put({ ...execution, progress: value === undefined ? null : JSON.stringify(value) });
    });
  }

  conclude(key: ExecutionKey, outcome: Outcome): void {
    // Survives: a crash amid the cleanup. The steps are over for good, whatever the cleanup comes to.
    this.#change((batch) => {
      const [execution, state] = moved(batch, key, 'conclude');
      batch.put({
        ...execution,
        state,
        step: JSON.stringify(freshStep(0)),
        progress: null,
        outcome: outcome === 'unwanted' ? null : outcome.status,
        details: outcome === 'unwanted' ? null : JSON.stringify(outcome.statusDetails),
      });
    });
  }

  finish(key: ExecutionKey & { queuedAt?: number }, result: Result): void {
    // Survives: a crash, a disconnect or weeks offline before the service has heard the result.
    this.#change((batch) => {
      if (isTaken(batch.get(key), key)) return;
      batch.put({
        ...(batch.get(key) ?? freshExecution(key, batch.nextSequence())),
        state: 'finished',
        outcome: result.status,
        details: JSON.stringify(result.statusDetails),
        document: null,
        progress: null,
        step: null,
        finishedSequence: batch.nextFinishedSequence(),
      });
    });
  }

  outbox(): Report[] {
    return this.#store.executions
      .unsettled()
      .filter(({ state }) => state === 'finished')
      .sort((a, b) => (a.finishedSequence ?? 0) - (b.finishedSequence ?? 0))
      .flatMap((execution) => reportFrom(execution) ?? []);
  }

  settle(key: ExecutionKey & { queuedAt?: number }, how: 'acknowledged' | 'denied' = 'acknowledged'): void {
    // Survives: a crash after the acknowledgement. Without it the result would be sent again and be rejected as final.
    this.#change((batch) => {
      const execution = batch.get(key);
      // The service may have a new job of that id by now, which has come in since.
      if (execution?.state !== 'finished' || isTaken(execution, key)) return;
      const { outcome, finishedSequence, details } = execution;
      // Details of all would be most of the file; denials are few.
      this.#settle(batch, execution, { outcome, finishedSequence, details: how === 'denied' ? details : null });
    });
  }

  forget(key: ExecutionKey & { queuedAt?: number }): void {
    // Survives: a crash after the service has denied what began here. Without it the cleanup would go on, or run again.
    this.#change((batch) => {
      const execution = batch.get(key);
      if (!execution || isTaken(execution, key) || !isUnfinished(execution)) return;
      if (!hasBegun(execution)) batch.remove(execution);
      else this.#settle(batch, execution, { finishedSequence: batch.nextFinishedSequence() });
    });
  }

  reopen(key: ExecutionKey & { queuedAt?: number }, otherwise: StatusDetails): void {
    // Survives: a crash before the service has heard the result. Without it the next list brings the execution here again.
    this.#change((batch) => {
      const execution = batch.get(key);
      if (execution?.state !== 'settled' || isTaken(execution, key)) return;
      batch.put({
        ...execution,
        state: 'finished',
        outcome: execution.outcome ?? 'FAILED',
        details: execution.details ?? JSON.stringify(otherwise),
        finishedSequence: batch.nextFinishedSequence(),
      });
    });
  }

  readmit(key: ExecutionKey & { queuedAt?: number }): void {
    // A crash before or after it leaves the next list with the same to tell.
    this.#change((batch) => {
      const execution = batch.get(key);
      if (execution?.state === 'settled' && !isTaken(execution, key)) batch.remove(execution);
    });
  }

  isRebuilt(): boolean {
    return this.#store.rebuilt;
  }

  probe(): void {
    this.#store.probe();
  }

  close(): void {
    this.#store.close();
  }

  #settle(batch: Batch, execution: StoredExecution, kept: Partial<StoredExecution>): void {
    batch.put({ ...freshExecution(execution, execution.sequence), ...kept, state: 'settled' });
    const { settledCount } = this.#store.executions;
    if (settledCount < SETTLED_KEPT + SETTLED_FORGOTTEN_AT_ONCE) return;
    for (const old of this.#store.executions.oldestSettled(SETTLED_FORGOTTEN_AT_ONCE)) batch.remove(old);
  }

  #change<T>(work: (batch: Batch) => T): T {
    const batch = this.#store.executions.batch();
    const result = work(batch);
    this.#store.commit(batch);
    return result;
  }

  /** Returns whether the execution was new to us. */
  #record(batch: Batch, listed: ListedExecution, timestamp: number | undefined, position: number): boolean {
    const known = batch.get(listed);
    const namedAt = timestamp ?? 0;
    if (known && !isReused(known, listed)) {
      const renamed = named(known, listed, namedAt, position);
      if (renamed !== known) batch.put(renamed);
      return false;
    }
    batch.put({
      ...freshExecution(listed, batch.nextSequence()),
      serviceStatus: listed.status,
      position,
      namedAt,
      // In progress, unknown here, and there has been another journal: its steps may have run.
      historyLost: this.#store.rebuilt && listed.status === 'IN_PROGRESS',
    });
    return true;
  }

  /**
   * Messages may arrive out of order (AWS developer guide, Jobs and job execution states): only a complete list that is
   * newer than the last message which named an execution may drop it. A doubtful one stays: its claim will tell.
   */
  #dropUnnamed(batch: Batch, { complete, timestamp, executions }: RecordedList): number {
    if (!complete || timestamp === undefined) return 0;
    const listed = new Set(executions.map(keyText));
    const unnamed = this.#store.executions
      .unsettled()
      .filter((known) => known.state === 'queued' && known.namedAt < timestamp && !listed.has(keyText(known)));
    for (const execution of unnamed) batch.remove(execution);
    return unnamed.length;
  }

  /** Jobs may come and be cancelled for weeks while every list is cut: what none has named for long is forgotten. */
  #dropBeyond(batch: Batch, named: readonly ListedExecution[]): number {
    const now = new Set(named.map(keyText));
    const others = this.#store.executions
      .unsettled()
      .filter((known) => known.state === 'queued' && batch.get(known) !== undefined && !now.has(keyText(known)));
    const excess = others.length + now.size - QUEUED_KEPT;
    if (excess <= 0) return 0;
    const oldest = others.toSorted((a, b) => a.namedAt - b.namedAt || b.position - a.position).slice(0, excess);
    for (const execution of oldest) batch.remove(execution);
    return oldest.length;
  }
}

/**
 * A job id may be used again after DeleteJob, and execution numbers start anew: a later queuedAt is another job, and an
 * earlier one is old news. A result that still waits for the old one must not be given to the new.
 */
function isReused(known: StoredExecution, listed: ListedExecution): boolean {
  return known.queuedAt !== 0 && known.queuedAt < listed.queuedAt && !isUnfinished(known);
}

/** Pending at the service and settled here. */
function isDoubtful(known: StoredExecution | undefined, listed: ListedExecution): boolean {
  return known?.state === 'settled' && !isReused(known, listed);
}

/** Its steps run, or may have run before the journal was lost. */
function hasBegun({ state, historyLost }: StoredExecution): boolean {
  return state !== 'queued' || historyLost;
}

/** Another job of the same id has taken the place of the one that is meant. */
function isTaken(known: StoredExecution | undefined, { queuedAt = 0 }: { readonly queuedAt?: number }): boolean {
  return known !== undefined && queuedAt !== 0 && known.queuedAt !== 0 && known.queuedAt !== queuedAt;
}

/**
 * What has begun here keeps the queuedAt that it began with: it is what tells it from a later job of its id. Where
 * nothing new is said, the same object is given back: a list that says again what is known costs no write.
 */
function named(known: StoredExecution, listed: ListedExecution, namedAt: number, position: number): StoredExecution {
  if (known.state !== 'queued') return known.queuedAt === 0 ? { ...known, queuedAt: listed.queuedAt } : known;
  const after = {
    ...known,
    position,
    namedAt: Math.max(known.namedAt, namedAt),
    queuedAt: Math.max(known.queuedAt, listed.queuedAt),
    serviceStatus: listed.status,
  };
  const isSame =
    after.position === known.position &&
    after.namedAt === known.namedAt &&
    after.queuedAt === known.queuedAt &&
    after.serviceStatus === known.serviceStatus;
  return isSame ? known : after;
}

/** A live execution, and the state that the event takes it to. Throws JOURNAL_STATE. */
function moved(batch: Batch, key: ExecutionKey, event: StateEvent): [StoredExecution, ExecutionState] {
  const execution = batch.get(key);
  const next = execution && nextState(execution.state, event);
  if (next) return [execution, next];
  const state = execution?.state ?? 'not in the journal';
  throw new ThingAgentError('JOURNAL_STATE', `${keyText(key)} is ${state}: "${event}" cannot happen to it`);
}

/** Ours first, then IN_PROGRESS, then by `queuedAt`, then the service's order. */
function inOrder(a: StoredExecution, b: StoredExecution): number {
  return (
    Number(a.state === 'queued') - Number(b.state === 'queued') ||
    Number(a.serviceStatus !== 'IN_PROGRESS') - Number(b.serviceStatus !== 'IN_PROGRESS') ||
    a.queuedAt - b.queuedAt ||
    a.position - b.position ||
    a.sequence - b.sequence
  );
}

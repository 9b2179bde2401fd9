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
import { dropBeyond, dropUnnamed, isDoubtful, record } from './pending-list.ts';
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
      const at = { timestamp: list.timestamp, position, isRebuilt: this.#store.rebuilt };
      if (record(batch, execution, at)) added += 1;
    }
    const known = this.#store.executions.unsettled();
    const dropped = dropUnnamed(batch, known, list) + dropBeyond(batch, known, list.executions);
    this.#store.commit(batch, list.complete);
    return { added, dropped, doubtful };
  }

  recordOne(execution: ListedExecution, timestamp: number | undefined): boolean {
    return this.#change((batch) => {
      const isNew = record(batch, execution, { timestamp, position: 0, isRebuilt: this.#store.rebuilt });
      dropBeyond(batch, this.#store.executions.unsettled(), [execution]);
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
}

/** Its steps run, or may have run before the journal was lost. */
function hasBegun({ state, historyLost }: StoredExecution): boolean {
  return state !== 'queued' || historyLost;
}

/** Another job of the same id has taken the place of the one that is meant. */
function isTaken(known: StoredExecution | undefined, { queuedAt = 0 }: { readonly queuedAt?: number }): boolean {
  return known !== undefined && queuedAt !== 0 && known.queuedAt !== 0 && known.queuedAt !== queuedAt;
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

import { type ExecutionKey, keyText } from './journal.ts';
import type { StoredExecution } from './stored-execution.ts';

/** What a transaction does to one execution: it comes, changes, or goes. */
export interface Change {
  readonly before: StoredExecution | undefined;
  readonly after: StoredExecution | undefined;
}

/**
 * All executions that the journal has, in memory: what is on disk, and nothing else. They are few (the service lists
 * ten at a time, and the settled are bounded), so that nobody has to read the disk to know them, and a file that is
 * damaged while it is in use can be written anew.
 */
export class ExecutionSet {
  readonly #unsettled = new Map<string, StoredExecution>();
  /** The oldest first. */
  readonly #settled = new Map<string, StoredExecution>();
  #lastSequence = 0;
  #lastFinished = 0;

  constructor(executions: readonly StoredExecution[]) {
    const inOrder = executions.toSorted((a, b) => (a.finishedSequence ?? 0) - (b.finishedSequence ?? 0));
    this.apply(inOrder.map((after) => ({ before: undefined, after })));
  }

  get(key: ExecutionKey): StoredExecution | undefined {
    const text = keyText(key);
    return this.#unsettled.get(text) ?? this.#settled.get(text);
  }

  /** All but the settled. */
  unsettled(): StoredExecution[] {
    return [...this.#unsettled.values()];
  }

  all(): StoredExecution[] {
    return [...this.#settled.values(), ...this.#unsettled.values()];
  }

  get settledCount(): number {
    return this.#settled.size;
  }

  oldestSettled(count: number): StoredExecution[] {
    return [...this.#settled.values()].slice(0, count);
  }

  apply(changes: readonly Change[]): void {
    for (const { before, after } of changes) {
      if (before) this.#home(before).delete(keyText(before));
      if (!after) continue;
      this.#home(after).set(keyText(after), after);
      this.#lastSequence = Math.max(this.#lastSequence, after.sequence);
      this.#lastFinished = Math.max(this.#lastFinished, after.finishedSequence ?? 0);
    }
  }

  batch(): Batch {
    return new Batch(this, this.#lastSequence, this.#lastFinished);
  }

  #home(execution: StoredExecution): Map<string, StoredExecution> {
    return execution.state === 'settled' ? this.#settled : this.#unsettled;
  }
}

/** The changes of one transaction, as they come together. */
export class Batch {
  readonly #set: ExecutionSet;
  readonly #changes = new Map<string, Change>();
  #lastSequence: number;
  #lastFinished: number;

  constructor(set: ExecutionSet, lastSequence: number, lastFinished: number) {
    this.#set = set;
    this.#lastSequence = lastSequence;
    this.#lastFinished = lastFinished;
  }

  get changes(): readonly Change[] {
    return [...this.#changes.values()];
  }

  get(key: ExecutionKey): StoredExecution | undefined {
    const change = this.#changes.get(keyText(key));
    return change ? change.after : this.#set.get(key);
  }

  put(after: StoredExecution): void {
    this.#changes.set(keyText(after), { before: this.#set.get(after), after });
  }

  remove(key: ExecutionKey): void {
    this.#changes.set(keyText(key), { before: this.#set.get(key), after: undefined });
  }

  nextSequence(): number {
    this.#lastSequence += 1;
    return this.#lastSequence;
  }

  nextFinishedSequence(): number {
    this.#lastFinished += 1;
    return this.#lastFinished;
  }
}

import type {
  ExecutionKey,
  Journal,
  ListedExecution,
  Outcome,
  RecordedList,
  Report,
  Result,
  RunnableExecution,
} from '../../../src/journal/journal.ts';
import type { StepEvent } from '../../../src/journal/step-record.ts';
import { cleanupName, type Deeds, isWork, nameOf, type RunOfEdition, type WorkDocument } from './work.ts';

type Key = ExecutionKey & { readonly queuedAt?: number };

/** What the device's disk does with writes. */
export interface Disk {
  /** So many fail. */
  failures: number;
  /** After so many more, the next one takes the device with it: before it is on disk, or after. */
  fatal?: { writes: number; readonly when: 'before' | 'after' } | undefined;
}

/** What a device has finished, as far as its disk knows: by edition and number. */
export type Results = Map<string, Result>;

/** The journal of one start of a device: the real one, on a disk that may fail, and silent once the device is dead. */
export class DeviceJournal implements Journal {
  readonly #inner: Journal;
  readonly #disk: Disk;
  readonly #deeds: Deeds;
  readonly #results: Results;
  readonly #die: () => void;
  #isClosed = false;

  constructor(inner: Journal, disk: Disk, deeds: Deeds, results: Results, die: () => void) {
    this.#inner = inner;
    this.#die = die;
    this.#disk = disk;
    this.#deeds = deeds;
    this.#results = results;
  }

  recordList(list: RecordedList): ReturnType<Journal['recordList']> {
    return this.#write((inner) => inner.recordList(list));
  }

  recordOne(execution: ListedExecution, timestamp: number | undefined): boolean {
    return this.#write((inner) => inner.recordOne(execution, timestamp));
  }

  runnable(): readonly RunnableExecution[] {
    return this.#inner.runnable();
  }

  find(key: ExecutionKey): RunnableExecution | undefined {
    return this.#inner.find(key);
  }

  claim(key: ExecutionKey & { readonly queuedAt: number }, work: { document: unknown; handler: string }): void {
    this.#write((inner) => inner.claim(key, work));
  }

  step(key: ExecutionKey, event: StepEvent): void {
    const before = event.type === 'finishStep' ? this.#inner.find(key) : undefined;
    this.#write((inner) => inner.step(key, event));
    if (before) this.#note(before);
  }

  saveProgress(key: ExecutionKey, value: unknown): void {
    this.#write((inner) => inner.saveProgress(key, value));
  }

  conclude(key: ExecutionKey, outcome: Outcome): void {
    const before = this.#inner.find(key);
    this.#write((inner) => inner.conclude(key, outcome));
    // With another outcome, or none, the step that was due has not been finished.
    if (before && outcome !== 'unwanted' && outcome.status === 'SUCCEEDED') this.#note(before);
  }

  finish(key: Key, result: Result): void {
    const before = this.#inner.find(key);
    this.#write((inner) => inner.finish(key, result));
    const work = before && workOf(before);
    if (!work) return;
    const run = { edition: work.edition, executionNumber: key.executionNumber };
    this.#results.set(nameOf(run), result);
    this.#deeds.resultOnDisk(run);
  }

  outbox(): readonly Report[] {
    return this.#inner.outbox();
  }

  settle(key: Key): void {
    this.#write((inner) => inner.settle(key));
  }

  forget(key: Key): void {
    this.#write((inner) => inner.forget(key));
  }

  probe(): void {
    this.#write((inner) => inner.probe());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inner.close();
  }

  #write<T>(write: (inner: Journal) => T): T {
    if (this.#isClosed) throw new Error('the device is dead');
    if (this.#disk.failures > 0) {
      this.#disk.failures -= 1;
      throw new Error('database or disk is full');
    }
    const when = this.#isFatal();
    if (when === 'before') {
      this.#die();
      throw new Error('the device has died');
    }
    const done = write(this.#inner);
    if (when === 'after') this.#die();
    return done;
  }

  #isFatal(): 'before' | 'after' | undefined {
    const { fatal } = this.#disk;
    if (!fatal) return undefined;
    fatal.writes -= 1;
    if (fatal.writes >= 0) return undefined;
    this.#disk.fatal = undefined;
    return fatal.when;
  }

  /** The step that was due is over, and the disk knows. */
  #note(execution: RunnableExecution): void {
    const work = workOf(execution);
    if (!work) return;
    const run: RunOfEdition = { edition: work.edition, executionNumber: execution.executionNumber };
    const { index } = execution.step;
    const cleaning = execution.state === 'cleaning';
    const step = (cleaning ? (work.cleanup ?? []) : work.steps)[index];
    if (step) this.#deeds.onDisk(run, cleaning ? cleanupName(step.name) : step.name);
  }
}

function workOf({ document }: RunnableExecution): WorkDocument | undefined {
  return isWork(document) ? document : undefined;
}

import { ThingAgentError } from '../../../src/errors.ts';
import type { StatusDetails } from '../../../src/jobs/model.ts';
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

interface DeviceJournalParts {
  readonly disk: Disk;
  readonly deeds: Deeds;
  readonly results: Results;
  /** A write has taken the device with it. */
  readonly onDeath: () => void;
  readonly onUnavailable: (error: unknown) => void;
}

/** The journal of one start of a device: the real one, on a disk that may fail, and silent once the device is dead. */
export class DeviceJournal implements Journal {
  readonly #inner: Journal;
  readonly #parts: DeviceJournalParts;
  #isClosed = false;

  constructor(inner: Journal, parts: DeviceJournalParts) {
    this.#inner = inner;
    this.#parts = parts;
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
    if (work) this.#end({ edition: work.edition, executionNumber: key.executionNumber }, result);
  }

  outbox(): readonly Report[] {
    return this.#inner.outbox();
  }

  settle(key: Key, how?: 'acknowledged' | 'denied'): void {
    this.#write((inner) => inner.settle(key, how));
  }

  forget(key: Key): void {
    const before = this.#inner.find(key);
    this.#write((inner) => inner.forget(key));
    const work = before && workOf(before);
    // Given up for good, whatever the service says of it afterwards.
    if (work) this.#end({ edition: work.edition, executionNumber: key.executionNumber }, GIVEN_UP);
  }

  reopen(key: Key, otherwise: StatusDetails): void {
    this.#write((inner) => inner.reopen(key, otherwise));
  }

  readmit(key: Key): void {
    this.#write((inner) => inner.readmit(key));
  }

  isRebuilt(): boolean {
    return this.#inner.isRebuilt();
  }

  probe(): void {
    this.#write((inner) => inner.probe());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inner.close();
  }

  #end(run: RunOfEdition, result: Result): void {
    this.#parts.results.set(nameOf(run), result);
    this.#parts.deeds.resultOnDisk(run);
  }

  #write<T>(write: (inner: Journal) => T): T {
    if (this.#isClosed) throw new Error('the device is dead');
    const { disk, onDeath, onUnavailable } = this.#parts;
    if (disk.failures > 0) {
      disk.failures -= 1;
      const full = new ThingAgentError('JOURNAL_UNAVAILABLE', 'the disk is full', { retryable: true });
      onUnavailable(full);
      throw full;
    }
    const when = fatal(disk);
    if (when === 'before') {
      onDeath();
      throw new Error('the device has died');
    }
    const done = write(this.#inner);
    if (when === 'after') onDeath();
    return done;
  }

  /** The step that was due is over, and the disk knows. */
  #note(execution: RunnableExecution): void {
    const work = workOf(execution);
    if (!work) return;
    const run: RunOfEdition = { edition: work.edition, executionNumber: execution.executionNumber };
    const { index } = execution.step;
    const cleaning = execution.state === 'cleaning';
    const step = (cleaning ? (work.cleanup ?? []) : work.steps)[index];
    if (step) this.#parts.deeds.onDisk(run, cleaning ? cleanupName(step.name) : step.name);
  }
}

const GIVEN_UP: Result = { status: 'FAILED', statusDetails: {} };

/** Whether this write is the one that takes the device with it. */
function fatal(disk: Disk): 'before' | 'after' | undefined {
  if (!disk.fatal) return undefined;
  disk.fatal.writes -= 1;
  if (disk.fatal.writes >= 0) return undefined;
  const { when } = disk.fatal;
  disk.fatal = undefined;
  return when;
}

function workOf({ document }: RunnableExecution): WorkDocument | undefined {
  return isWork(document) ? document : undefined;
}

import { LocalFaultError, ThingAgentError } from '../errors.ts';
import type { Log } from '../system/log.ts';
import { damagedCopies, markSalvaged, salvage, setAside, unsalvagedCopy } from './damaged-copies.ts';
import { type Batch, ExecutionSet } from './execution-set.ts';
import { checkFiles } from './journal-check.ts';
import type { JournalDatabase } from './journal-database.ts';
import { replaceJournal } from './journal-draft.ts';
import { isHeld, isPassing, JournalDamagedError, journalFault } from './journal-faults.ts';
import { openDatabase } from './journal-opening.ts';
import { type JournalPaths, journalPaths } from './journal-paths.ts';
import { StateLock } from './state-lock.ts';

export interface ExecutionStoreOptions {
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** The disk is full, read-only or failing: nothing can be written until it is not. */
  readonly onUnavailable: (error: unknown) => void;
}

interface Loaded {
  readonly executions: ExecutionSet;
  rebuilt: boolean;
}

/**
 * Executions in memory and on disk, both the same whatever happens to the disk. A file that is damaged is set aside and
 * written anew: from memory where it was open, else from what can be believed of it. A fault of the disk changes
 * nothing, and each call tries again.
 */
export class ExecutionStore {
  readonly #paths: JournalPaths;
  readonly #options: ExecutionStoreOptions;
  #lock: StateLock | undefined;
  #database: JournalDatabase | undefined;
  /** Once read it is the truth: all of it was on disk when it came in. */
  #loaded: Loaded | undefined;
  /** What is wrong with the files that are still to be set aside. */
  #damage: JournalDamagedError | undefined;

  constructor(directory: string, options: ExecutionStoreOptions) {
    this.#paths = journalPaths(directory);
    this.#options = options;
  }

  /** Throws a LocalFaultError; not for what may pass: the journal is then opened by the first call that can. */
  open(): void {
    try {
      this.#guard(() => this.#opened());
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }

  /** Throws JOURNAL_UNAVAILABLE while the journal could not be opened, and a LocalFaultError. */
  get executions(): ExecutionSet {
    return this.#loaded?.executions ?? this.#guard(() => this.#opened().loaded.executions);
  }

  /** The journal was begun after a loss, and no complete list has come since. */
  get rebuilt(): boolean {
    return this.#loaded?.rebuilt ?? false;
  }

  /**
   * One transaction, on disk when it returns. Throws JOURNAL_UNAVAILABLE; nothing has changed then.
   * @param listed a complete list is part of it.
   */
  commit(batch: Batch, listed = false): void {
    const { changes } = batch;
    if (changes.length === 0 && !(listed && this.rebuilt)) return;
    this.#guard(() => {
      const { database, loaded } = this.#opened();
      database.write(changes, listed);
      loaded.executions.apply(changes);
      if (listed) loaded.rebuilt = false;
    });
  }

  /** Writes what changes nothing. Throws as `commit` does. */
  probe(): void {
    this.#guard(() => this.#opened().database.probe());
  }

  close(): void {
    try {
      // What somebody has done to the files since the last write would meet the next start.
      if (this.#database) this.#guard(() => this.#opened().database.assertUntouched());
    } catch (error) {
      this.#options.log.error({ err: error }, 'the journal could not be looked at before it was closed');
    }
    this.#closeDatabase();
    this.#releaseLock();
  }

  /** Files that prove to be damaged are set aside and written anew, and the work is done once more. */
  #guard<T>(work: () => T): T {
    try {
      try {
        return work();
      } catch (error) {
        const fault = this.#fault(error);
        if (!(fault instanceof JournalDamagedError)) throw fault;
        this.#damage = fault;
        return work();
      }
    } catch (error) {
      const fault = this.#fault(error);
      if (fault instanceof JournalDamagedError) this.#damage = fault;
      const told = fault instanceof JournalDamagedError ? damagedAgain(fault) : fault;
      if (isPassing(told)) this.#options.onUnavailable(told);
      throw told;
    }
  }

  #fault(error: unknown): unknown {
    if (!isHeld(error)) return journalFault(error, this.#paths.directory);
    return new LocalFaultError(
      'STATE_DIRECTORY_LOCKED',
      `${this.#paths.database} is held by another program: end that one`,
      { cause: error },
    );
  }

  #opened(): { readonly database: JournalDatabase; readonly loaded: Loaded } {
    if (this.#database && this.#loaded && !this.#damage) return { database: this.#database, loaded: this.#loaded };
    const paths = this.#paths;
    if (this.#lock?.isGone) this.#releaseLock();
    this.#lock ??= new StateLock(paths.directory);
    if (this.#damage) this.#setAside(this.#damage);
    if (!this.#loaded && this.#find() === 'none') this.#loaded = this.#begun(this.#lock);
    if (this.#loaded) this.#write(this.#loaded);
    const { database, content } = openDatabase(paths, this.#options.log);
    this.#database = database;
    this.#loaded ??= { executions: new ExecutionSet(content.executions), rebuilt: content.rebuilt };
    this.#markUsed(this.#lock);
    return { database, loaded: this.#loaded };
  }

  #find(): 'none' | 'there' {
    const found = checkFiles(this.#paths);
    if (found === 'cut') {
      const text = 'the last write to the journal was not finished, as after a power cut; what it said is void';
      this.#options.log.warn({ file: this.#paths.wal }, text);
    }
    return found === 'none' ? 'none' : 'there';
  }

  /**
   * There is no journal: the device is new to us, or has lost it; or one was set aside, and the agent ended before what
   * can be read in it was in a new one.
   */
  #begun(lock: StateLock): Loaded {
    const rebuilt = lock.wasUsed || damagedCopies(this.#paths).length > 0;
    const copy = unsalvagedCopy(this.#paths);
    const executions = new ExecutionSet(copy === undefined ? [] : this.#salvage(copy));
    const fields = { file: this.#paths.database, copy, kept: executions.all().length };
    if (rebuilt) this.#options.log.error(fields, `the journal is gone. ${BEGUN_ANEW}`);
    return { executions, rebuilt };
  }

  #write({ executions, rebuilt }: Loaded): void {
    replaceJournal(this.#paths, executions.all(), rebuilt);
    try {
      markSalvaged(this.#paths);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a damaged journal could not be marked as read');
    }
  }

  #setAside(damage: JournalDamagedError): void {
    const { log } = this.#options;
    let file: string;
    try {
      file = setAside(this.#paths);
    } finally {
      this.#closeDatabase();
      damage.connection?.close();
    }
    this.#damage = undefined;
    const wasOpen = this.#loaded !== undefined;
    this.#loaded ??= { executions: new ExecutionSet(this.#salvage(file)), rebuilt: true };
    const fields = { err: damage, file, kept: this.#loaded.executions.all().length };
    const what = wasOpen ? 'It is written anew from memory: nothing is lost.' : BEGUN_ANEW;
    log.error(fields, `the journal is damaged and set aside. ${what} ${WHAT_TO_DO}`);
  }

  #salvage(file: string): ReturnType<typeof salvage> {
    try {
      return salvage(file);
    } catch (error) {
      this.#options.log.error({ err: error, file }, 'nothing can be read in the damaged journal');
      return [];
    }
  }

  /** It is there for people, and costs nobody the journal. */
  #markUsed(lock: StateLock): void {
    try {
      lock.markUsed();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'agent.pid could not be written');
    }
  }

  #releaseLock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #closeDatabase(): void {
    const database = this.#database;
    this.#database = undefined;
    database?.close();
  }
}

const BEGUN_ANEW =
  'A new one is begun: results that could be read are kept, what is queued comes with the next list, and what the service has IN_PROGRESS is reported FAILED, for nobody knows how much of it has run.';
const WHAT_TO_DO = 'Look at the disk; the file is kept for you and may be deleted.';

/** Written anew and damaged at once: that is the disk. */
function damagedAgain(damage: JournalDamagedError): ThingAgentError {
  const message = `the journal is damaged again as soon as it is written anew: ${damage.message}: look at the disk`;
  return new ThingAgentError('JOURNAL_UNAVAILABLE', message, { retryable: true, cause: damage });
}

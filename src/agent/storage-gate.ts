import { errorMessage } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock, Timer } from '../system/clock.ts';
import { lackOfRoom, type Room } from '../system/free-room.ts';
import type { Log } from '../system/log.ts';
import { diskRetryDelayMs } from './retry.ts';

/** What one job may need of the disk before its own steps take any: the journal's log, its scratch directory, its log. */
const ROOM: Room = { bytes: 64 * 1024, inodes: 16 };

interface StorageGateDeps {
  readonly stateDirectory: string;
  readonly journal: Pick<Journal, 'probe'>;
  readonly clock: Clock;
  readonly log: Log;
  /** What is wrong, and undefined when nothing is any more. */
  readonly onChange: (trouble: string | undefined) => void;
}

/**
 * Whether the disk lets new executions be taken. One that is claimed and cannot be journalled would hang: so it stays
 * queued at the service until there is room. What runs goes on as far as it can.
 */
export class StorageGate {
  readonly #deps: StorageGateDeps;
  #trouble: string | undefined;
  #looks = 0;
  #next: Timer | undefined;
  #stopped = false;

  constructor(deps: StorageGateDeps) {
    this.#deps = deps;
  }

  /** Looks, and closes the gate where there is no room. */
  isOpen(): boolean {
    if (this.#trouble === undefined) this.#close(lackOfRoom(this.#deps.stateDirectory, ROOM));
    return this.#trouble === undefined;
  }

  /** The journal could not be read or written. */
  failed(error: unknown): void {
    this.#close(errorMessage(error));
  }

  stop(): void {
    this.#stopped = true;
    this.#next?.cancel();
  }

  #close(trouble: string | undefined): void {
    if (trouble === undefined || this.#trouble !== undefined || this.#stopped) return;
    this.#trouble = trouble;
    this.#looks = 0;
    this.#deps.log.error({ trouble }, 'the storage fails: no new job is taken until it does not');
    this.#deps.onChange(trouble);
    this.#lookLater();
  }

  #lookLater(): void {
    const wait = diskRetryDelayMs(this.#looks);
    this.#looks += 1;
    this.#next = this.#deps.clock.setTimer(wait, () => this.#look());
  }

  #look(): void {
    const { stateDirectory, journal, log, onChange } = this.#deps;
    const trouble = lackOfRoom(stateDirectory, ROOM) ?? failureOf(() => journal.probe());
    if (trouble !== undefined) {
      log.debug({ trouble }, 'the storage still fails');
      this.#lookLater();
      return;
    }
    this.#trouble = undefined;
    log.info({}, 'the storage can be used again: jobs are taken');
    onChange(undefined);
  }
}

function failureOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorCode, errorMessage, LocalFaultError, ThingAgentError } from '../errors.ts';
import { isHeld } from './journal-faults.ts';

/**
 * Keeps a state directory to one agent. The lock is SQLite's on the empty file `agent.lock`, so it is the kernel's and
 * ends with the process, however that ends; and it holds while the journal's own file is set aside and replaced.
 * `agent.pid` beside it names the holder, and is the sign that an agent has been here.
 */
export class StateLock {
  readonly #path: string;
  readonly #pidPath: string;
  readonly #database: DatabaseSync;

  /** Makes the directory where it is missing. Throws STATE_DIRECTORY_LOCKED, JOURNAL_UNAVAILABLE, and the system's errors. */
  constructor(directory: string) {
    this.#path = join(directory, 'agent.lock');
    this.#pidPath = join(directory, 'agent.pid');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // SQLite would say no more than that it is unable to open a file.
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    if (existsSync(this.#path)) {
      accessSync(this.#path, constants.R_OK | constants.W_OK);
      // It has no content: whatever somebody has written there would keep us out for ever.
      if (statSync(this.#path).size > 0) truncateSync(this.#path);
    }
    this.#database = new DatabaseSync(this.#path);
    try {
      // Nothing is written: a lock must be had on a full disk too.
      this.#database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    } catch (error) {
      this.#database.close();
      if (!isHeld(error)) throw unavailable(this.#path, error);
      throw new LocalFaultError(
        'STATE_DIRECTORY_LOCKED',
        `${directory} is held by another agent (pid ${this.#holder()}): stop that one, or give this one a stateDirectory of its own`,
        { cause: error },
      );
    }
  }

  /** Somebody has removed the file, with its directory perhaps: nobody else would find it locked. */
  get isGone(): boolean {
    return !existsSync(this.#path);
  }

  /** Whether an agent has had a journal here before. */
  get wasUsed(): boolean {
    return existsSync(this.#pidPath);
  }

  /** A journal is open here. Throws the system's error. */
  markUsed(): void {
    writeFileSync(this.#pidPath, `${process.pid}\n`);
  }

  release(): void {
    this.#database.close();
  }

  #holder(): string {
    try {
      return readFileSync(this.#pidPath, 'utf8').trim() || 'unknown';
    } catch (error) {
      return errorCode(error) === 'ENOENT' ? 'unknown' : `unknown: ${errorMessage(error)}`;
    }
  }
}

/** After a read that failed SQLite may call the empty file malformed: that says nothing of the journal. */
function unavailable(path: string, error: unknown): ThingAgentError {
  const message = `${path} cannot be locked: ${errorMessage(error)}: look at the disk`;
  return new ThingAgentError('JOURNAL_UNAVAILABLE', message, { retryable: true, cause: error });
}

import type { DatabaseSync } from 'node:sqlite';
import { errorCode, errorMessage, LocalFaultError, ThingAgentError } from '../errors.ts';

/** What the journal's files hold is not what was written. Never for a read that fails: that says nothing of the bytes. */
export class JournalDamagedError extends ThingAgentError {
  /** Still open on them, for closing it would change them: to be closed when they have been set aside. */
  readonly connection: DatabaseSync | undefined;

  constructor(message: string, options: { cause?: unknown; connection?: DatabaseSync } = {}) {
    super('JOURNAL_DAMAGED', message, options);
    this.connection = options.connection;
  }
}

/** Primary result codes of SQLite (sqlite.org/rescode.html); the extended ones have them in their lowest byte. */
const SQLITE = { PERM: 3, BUSY: 5, LOCKED: 6, CORRUPT: 11, FULL: 13, AUTH: 23, NOTADB: 26 };
const SHORT_READ = 522;

/** Of Node's file system calls: the codes that no waiting mends. What is not among them may pass. */
const PERMANENT = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL']);

/**
 * What a thrown value means for the journal in `directory`: a JournalDamagedError; a LocalFaultError
 * (STATE_DIRECTORY_UNUSABLE) for what a person has to mend; else JOURNAL_UNAVAILABLE, which may pass: a disk that is
 * full, read-only or failing. Errors of ours, and defects, are given back as they are.
 */
export function journalFault(error: unknown, directory: string): unknown {
  if (error instanceof ThingAgentError) return error;
  const result = sqliteResult(error);
  if (result !== undefined && isDamage(result)) {
    return new JournalDamagedError(`SQLite says: ${errorMessage(error)}`, { cause: error });
  }
  const code = errorCode(error);
  if (result === undefined && code === undefined) return error;
  if (result === SQLITE.PERM || result === SQLITE.AUTH || PERMANENT.has(code ?? '')) {
    return new LocalFaultError(
      'STATE_DIRECTORY_UNUSABLE',
      `stateDirectory ${directory} cannot be used: ${errorMessage(error)}: it must exist or be creatable, and be writable by the agent's user`,
      { cause: error },
    );
  }
  return new ThingAgentError(
    'JOURNAL_UNAVAILABLE',
    `the journal in ${directory} cannot be read or written: ${errorMessage(error)}: look at the disk`,
    { retryable: true, cause: error },
  );
}

/** Of SQLite's result codes. SQLITE_IOERR_SHORT_READ, too: the read went well, and the file ends too early. */
export function isDamage(result: number): boolean {
  const primary = result & 0xff;
  return primary === SQLITE.CORRUPT || primary === SQLITE.NOTADB || result === SHORT_READ;
}

/** Whether it may pass by itself, as JOURNAL_UNAVAILABLE. */
export function isPassing(error: unknown): boolean {
  return error instanceof ThingAgentError && error.retryable;
}

/** Another connection holds the file. */
export function isHeld(error: unknown): boolean {
  const result = sqliteResult(error);
  return result === SQLITE.BUSY || result === SQLITE.LOCKED;
}

export function isFull(error: unknown): boolean {
  return sqliteResult(error) === SQLITE.FULL;
}

/** The primary result code of an error of node:sqlite. */
export function sqliteResult(error: unknown): number | undefined {
  if (errorCode(error) !== 'ERR_SQLITE_ERROR') return undefined;
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}

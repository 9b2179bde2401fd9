import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { rowOf } from './execution-row.ts';
import type { Change } from './execution-set.ts';
import { isFull, JournalDamagedError } from './journal-faults.ts';
import type { JournalPaths } from './journal-paths.ts';
import { SCHEMA_VERSION } from './journal-schema.ts';
import type { StoredExecution } from './stored-execution.ts';

/** How many pages of 1 KiB the log may grow by before it is folded into the database: about thirty jobs. */
export const CHECKPOINT_PAGES = 256;
/** What the log is cut to after a large transaction. Not to nothing: on a full disk its own blocks are what is left. */
export const LOG_LIMIT_BYTES = 512 * 1024;

/**
 * EXCLUSIVE before the first access: the log then needs no shared-memory file. FULL: a commit is on the disk when it
 * returns (sqlite.org/pragma.html#pragma_synchronous). A transaction without a change makes SQLite read the log.
 */
export const OPENING = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
  PRAGMA journal_size_limit = ${LOG_LIMIT_BYTES};
  BEGIN IMMEDIATE;
  COMMIT;
`;

/** The journal's file, open. What is wrong with what is in it is journal-check.ts's to find. */
export class JournalDatabase {
  readonly #paths: JournalPaths;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** How the files looked after our last write; undefined when they could not be looked at. */
  #looks: string | undefined;

  /** Throws SQLite's errors. */
  constructor(paths: JournalPaths, database: DatabaseSync) {
    this.#paths = paths;
    this.#database = database;
    this.#looks = this.#look();
  }

  /**
   * One transaction, on disk when it returns. Throws a JournalDamagedError when somebody else has touched the files, and
   * SQLite's errors; nothing has changed then.
   */
  write(changes: readonly Change[], listed: boolean): void {
    this.#transaction(() => {
      for (const change of changes) this.#apply(change);
      if (listed) this.#run('DELETE FROM rebuilt');
    });
  }

  /** Writes what is there already. Throws as `write` does. */
  probe(): void {
    this.#transaction(() => this.#database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`));
  }

  /**
   * Throws a JournalDamagedError when the files are not the ones that we wrote last, or were written since: SQLite goes
   * on with what it has in memory and would not notice. Throws the system's error when they cannot be looked at.
   */
  assertUntouched(): void {
    if (this.#looks !== undefined && this.#look() !== this.#looks) {
      throw new JournalDamagedError('its files were removed, replaced or written by somebody else while it was open');
    }
  }

  /** Folds the log into the database and removes it; keeps it where that fails. */
  close(): void {
    this.#database.close();
  }

  #apply({ before, after }: Change): void {
    if (before && before.sequence !== after?.sequence) this.#remove(before);
    if (!after || after === before) return;
    const row = rowOf(after);
    this.#run(`REPLACE INTO executions VALUES (${row.map(() => '?').join(', ')})`, ...row);
    const known = before?.sequence === after.sequence ? before.document : null;
    if (after.document === known) return;
    if (after.document === null) this.#run('DELETE FROM documents WHERE sequence = ?', after.sequence);
    else this.#run('REPLACE INTO documents VALUES (?, ?)', after.sequence, after.document);
  }

  #remove({ sequence, document }: StoredExecution): void {
    this.#run('DELETE FROM executions WHERE sequence = ?', sequence);
    if (document !== null) this.#run('DELETE FROM documents WHERE sequence = ?', sequence);
  }

  #transaction(work: () => void): void {
    this.assertUntouched();
    try {
      this.#attempt(work);
    } catch (error) {
      if (!isFull(error)) throw error;
      // The log cannot grow. Folded in, it is written again from its start, in blocks that it has already.
      this.#database.exec('PRAGMA wal_checkpoint(RESTART)');
      this.#attempt(work);
    } finally {
      this.#remember();
    }
  }

  #remember(): void {
    try {
      this.#looks = this.#look();
    } catch {
      this.#looks = undefined;
    }
  }

  #attempt(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** SQLite has rolled back by itself after some errors (sqlite.org/lang_transaction.html), and then says that there is none. */
  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      return;
    }
  }

  #look(): string {
    return [this.#paths.database, this.#paths.wal].map(look).join(' ');
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    statement.run(...values);
  }
}

function look(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? `${stats.ino}:${stats.size}:${stats.mtimeNs}` : 'none';
}

import type { Log } from '../system/log.ts';
import { DurableJournal } from './durable-journal.ts';
import { ExecutionStore } from './execution-store.ts';
import type { Journal } from './journal.ts';

export { SCHEMA_VERSION } from './journal-schema.ts';

export interface JournalOptions {
  readonly log?: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Called with each JOURNAL_UNAVAILABLE: the disk is full, read-only or failing. */
  readonly onUnavailable?: (error: unknown) => void;
}

/**
 * Opens `<stateDirectory>/journal.sqlite`, creating it where missing, and holds the directory alone until closed. One
 * that is damaged is set aside and begun anew. While the disk cannot be used the journal is there all the same, and all
 * its methods throw JOURNAL_UNAVAILABLE until it can.
 *
 * Throws a LocalFaultError: STATE_DIRECTORY_UNUSABLE, STATE_DIRECTORY_LOCKED, JOURNAL_TOO_NEW.
 */
export function openJournal(stateDirectory: string, options: JournalOptions = {}): Journal {
  const { log = SILENT, onUnavailable = NOTHING } = options;
  const store = new ExecutionStore(stateDirectory, { log, onUnavailable });
  try {
    store.open();
  } catch (error) {
    store.close();
    throw error;
  }
  return new DurableJournal(store);
}

const NOTHING = (): void => undefined;
const SILENT = { info: NOTHING, warn: NOTHING, error: NOTHING };

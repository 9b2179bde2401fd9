import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/journal-file.ts';
import { fastDirectory } from '../support/fast-directory.ts';
import { history, snapshot } from './history.mjs';

export const CHILD = join(import.meta.dirname, 'history-child.mjs');

/** What a journal says when it is opened: lines of its log, and faults that may pass. */
export interface Said {
  readonly warnings: string[];
  readonly errors: string[];
  readonly faults: string[];
}

/** A journal, and what it said. */
export function openAndListen(directory: string): { journal: Journal; said: Said } {
  const said: Said = { warnings: [], errors: [], faults: [] };
  const journal = openJournal(directory, {
    log: {
      info: () => undefined,
      warn: (_, text) => said.warnings.push(text),
      error: (_, text) => said.errors.push(text),
    },
    onUnavailable: (error) => said.faults.push(String(error)),
  });
  return { journal, said };
}

/** Opens, looks and closes. */
export function look(directory: string): { state: string; said: Said } {
  const { journal, said } = openAndListen(directory);
  try {
    return { state: snapshot(journal), said };
  } finally {
    journal.close();
  }
}

/** Of a directory: its files, by name. The lock is none of the journal's. */
export type Files = ReadonlyMap<string, Buffer>;

export function filesOf(directory: string): Files {
  const names = readdirSync(directory).filter((name) => name !== 'agent.lock');
  return new Map(names.map((name) => [name, readFileSync(join(directory, name))]));
}

/** A directory of its own, gone when the work is done. */
export function inDirectory<T>(files: Files, work: (directory: string) => T): T {
  const directory = fastDirectory('journal-');
  try {
    for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes);
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export interface Recorded {
  /** What the journal holds before the first call, and after each. */
  readonly states: readonly string[];
  /** As they are while it is open: with the log, as a crash leaves them. */
  readonly open: Files;
  readonly closed: Files;
}

/** The history, run undisturbed. */
export function record(): Recorded {
  return inDirectory(new Map(), (directory) => {
    const journal = openJournal(directory);
    const states = [snapshot(journal)];
    for (const call of history()) {
      call(journal);
      states.push(snapshot(journal));
    }
    const copy = `${directory}.open`;
    cpSync(directory, copy, { recursive: true });
    const open = filesOf(copy);
    rmSync(copy, { recursive: true });
    journal.close();
    return { states, open, closed: filesOf(directory) };
  });
}

export function damagedFiles(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).filter((name) => name.includes('.damaged-')) : [];
}

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, SCHEMA_VERSION } from '../../src/journal/journal-file.ts';
import { fastDirectory } from '../support/fast-directory.ts';
import { look, openAndListen } from './journal-lab.ts';

let directory: string;

beforeEach(() => {
  directory = fastDirectory('old-');
});

afterEach(() => rmSync(directory, { recursive: true }));

const COLUMNS = `sequence INTEGER PRIMARY KEY, job_id TEXT NOT NULL, execution_number INTEGER NOT NULL,
  state TEXT NOT NULL, service_status TEXT NOT NULL, queued_at INTEGER NOT NULL, position INTEGER NOT NULL,
  named_at INTEGER NOT NULL, document TEXT, handler TEXT`;
const END = 'outcome TEXT, details TEXT, finished_sequence INTEGER, UNIQUE (job_id, execution_number)';
/** As agents of each schema wrote it; all they have in common is above. */
const MIDDLE = {
  1: 'next_step INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0',
  2: 'step TEXT, progress TEXT, elapsed_ms INTEGER NOT NULL DEFAULT 0',
};

/** Written, and left as a crash would: with all of it in the log. */
function write(version: 1 | 2, inserts: string): void {
  const database = new DatabaseSync(join(directory, 'journal.sqlite'));
  database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
    CREATE TABLE executions (${COLUMNS}, ${MIDDLE[version]}, ${END}) STRICT;
    CREATE INDEX executions_by_state ON executions (state);
    PRAGMA user_version = ${version};
    ${inserts}`);
  database.close();
}

const FIRST = `INSERT INTO executions (sequence, job_id, execution_number, state, service_status, queued_at, position,
    named_at, document, handler, next_step, attempts, outcome, details, finished_sequence) VALUES
  (1, 'done', 1, 'settled', 'IN_PROGRESS', 10, 0, 20, NULL, 'h', 0, 0, 'SUCCEEDED', NULL, 1),
  (2, 'reported', 2, 'finished', 'IN_PROGRESS', 11, 0, 20, NULL, 'h', 0, 0, 'FAILED', '{"reason":"x"}', 2),
  (3, 'begun', 1, 'claimed', 'IN_PROGRESS', 12, 0, 20, '{"a":1}', 'h', 2, 1, NULL, NULL, NULL),
  (4, 'due', 1, 'claimed', 'IN_PROGRESS', 13, 0, 20, '{"a":2}', 'h', 1, 0, NULL, NULL, NULL),
  (7, 'waiting', 1, 'queued', 'QUEUED', 14, 3, 20, NULL, NULL, 0, 0, NULL, NULL, NULL)`;

const SECOND = `INSERT INTO executions (sequence, job_id, execution_number, state, service_status, queued_at, position,
    named_at, document, handler, step, progress, elapsed_ms, outcome, details, finished_sequence) VALUES
  (1, 'cleaning', 1, 'cleaning', 'IN_PROGRESS', 12, 0, 20, '{"a":1}', 'h', '{"index":1,"attempts":1}', '7', 450,
    'FAILED', '{"reason":"x"}', NULL)`;

describe('a journal of an earlier agent', () => {
  it('of the first schema is taken over: a step that had begun counts as interrupted', () => {
    write(1, FIRST);
    const { journal, said } = openAndListen(directory);
    expect(said).toEqual({ warnings: [], errors: [], faults: [] });
    expect(journal.runnable()).toMatchObject([
      { jobId: 'begun', state: 'running', step: { index: 2, attempts: 1, interruptions: 0 }, document: { a: 1 } },
      { jobId: 'due', state: 'claimed', step: { index: 1, attempts: 0 }, document: { a: 2 }, handler: 'h' },
      { jobId: 'waiting', state: 'queued', status: 'QUEUED', queuedAt: 14, historyLost: false },
    ]);
    expect(journal.outbox()).toEqual([
      { jobId: 'reported', executionNumber: 2, queuedAt: 11, status: 'FAILED', statusDetails: { reason: 'x' } },
    ]);
    const done = { jobId: 'done', executionNumber: 1, queuedAt: 10, status: 'QUEUED' } as const;
    expect(journal.recordOne(done, 30)).toBe(false);
    journal.close();
    expect(look(directory)).toMatchObject({ said: { errors: [] } });
    const database = new DatabaseSync(join(directory, 'journal.sqlite'));
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: SCHEMA_VERSION });
    database.close();
  });

  it('of the second schema is taken over', () => {
    write(2, SECOND);
    const journal = openJournal(directory);
    expect(journal.runnable()).toMatchObject([
      {
        state: 'cleaning',
        step: { index: 1, attempts: 1 },
        progress: 7,
        elapsedMs: 450,
        outcome: { status: 'FAILED' },
      },
    ]);
    journal.close();
  });

  it.each([
    ['a state that does not exist', FIRST.replace("'queued', 'QUEUED'", "'lost', 'QUEUED'")],
    ['a document that is no JSON', FIRST.replace('{"a":2}', '{"a":')],
    ['a result that is none', FIRST.replace("'FAILED'", "'MAYBE'")],
  ])('with %s is damaged', (_, inserts) => {
    write(1, inserts);
    const { journal, said } = openAndListen(directory);
    expect(said.errors).toEqual([expect.stringContaining('damaged and set aside')]);
    journal.close();
  });

  it('that names the other schema is damaged', () => {
    write(1, `${FIRST}; PRAGMA user_version = 2`);
    const { journal, said } = openAndListen(directory);
    expect(said.errors).toHaveLength(1);
    expect(journal.runnable()).toEqual([]);
    journal.close();
  });
});

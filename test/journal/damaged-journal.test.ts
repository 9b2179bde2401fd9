import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAMAGED_KEPT } from '../../src/journal/damaged-copies.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/journal-file.ts';
import { fastDirectory } from '../support/fast-directory.ts';
import { snapshot } from './history.mjs';
import { damagedFiles, look, openAndListen } from './journal-lab.ts';

let directory: string;
let database: string;
let wal: string;

beforeEach(() => {
  directory = fastDirectory('damaged-');
  database = join(directory, 'journal.sqlite');
  wal = `${database}-wal`;
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const key = (jobId: string) => ({ jobId, executionNumber: 1, queuedAt: 100 });
const listed = (jobId: string, status: 'QUEUED' | 'IN_PROGRESS' = 'QUEUED') => ({ ...key(jobId), status });
const start = { type: 'start', elapsedMs: 5, afterInterruption: false } as const;

/** One that runs, one whose result waits, one that is settled, one in the queue. */
function fill(journal: Journal): void {
  const executions = ['running', 'finished', 'settled', 'queued'].map((jobId) => listed(jobId));
  journal.recordList({ timestamp: 200, executions, complete: true });
  journal.claim(key('running'), { document: { steps: 3 }, handler: 'h' });
  journal.step(key('running'), start);
  for (const jobId of ['finished', 'settled']) {
    journal.claim(key(jobId), { document: {}, handler: 'h' });
    journal.finish(key(jobId), { status: 'SUCCEEDED', statusDetails: { reason: jobId } });
  }
  journal.settle(key('settled'));
}

function filled(): void {
  const journal = openJournal(directory);
  fill(journal);
  journal.close();
}

/** As a crash leaves it: the log is not folded in. */
function crashed(): void {
  const journal = openJournal(directory);
  fill(journal);
  const copies = [database, wal].map((path) => [path, readFileSync(path)] as const);
  journal.close();
  for (const [path, bytes] of copies) writeFileSync(path, bytes);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
}

/** Where a text stands in a file. */
function placeOf(path: string, text: string, from = 0): number {
  const at = readFileSync(path).indexOf(text, from);
  expect(at).toBeGreaterThan(0);
  return at;
}

describe('a damaged journal', () => {
  const damages: [string, () => void][] = [
    [
      'is no database',
      () => writeFileSync(database, 'not a database, but long enough to be taken for one '.repeat(50)),
    ],
    ['is empty', () => truncateSync(database, 0)],
    ['has lost its end', () => truncateSync(database, 2_048)],
    ['has a page of zeros', () => writeFileSync(database, readFileSync(database).fill(0, 1_024, 2_048))],
    ['has other tables than it should', () => flip(database, placeOf(database, 'named_at'))],
    ['has a header that SQLite would open for reading only', () => writeFileSync(database, withByte(18, 9))],
    ['says that a newer agent wrote it, and has this one’s tables', () => writeFileSync(database, withByte(63, 99))],
    ['belongs to another program', () => writeFileSync(database, withByte(68, 1))],
    ['is another program’s database', foreign],
    ['has a row that is not as it was written', () => flip(database, placeOf(database, 'running', 1_024))],
    ['has a document that is not as it was written', () => flip(database, placeOf(database, '"steps"'))],
  ];

  function withByte(at: number, value: number): Buffer {
    const bytes = readFileSync(database);
    bytes[at] = value;
    return bytes;
  }

  function foreign(): void {
    unlinkSync(database);
    const other = new DatabaseSync(database);
    other.exec('CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES (1)');
    other.close();
  }

  it.each(damages)('that %s is set aside with its bytes, and a new one is begun', (_, damage) => {
    filled();
    damage();
    const bytes = readFileSync(database);
    const { journal, said } = openAndListen(directory);
    expect(said.errors).toHaveLength(1);
    expect(said.errors[0]).toMatch(/is damaged and set aside.*Look at the disk/s);
    expect(readFileSync(`${database}.damaged-1`).equals(bytes)).toBe(true);
    expect(journal.runnable()).toEqual([]);
    journal.recordOne(listed('next'), 300);
    journal.close();
    expect(look(directory)).toMatchObject({ said: { errors: [], faults: [] } });
  });

  it('keeps the results that can be read in it, and what was settled', () => {
    filled();
    flip(database, placeOf(database, '"steps"'));
    const { journal } = openAndListen(directory);
    expect(journal.outbox()).toMatchObject([{ jobId: 'finished', statusDetails: { reason: 'finished' } }]);
    expect(journal.recordOne(listed('settled'), 300)).toBe(false);
    journal.close();
    expect(JSON.parse(look(directory).state)).toMatchObject({ outbox: [{ jobId: 'finished' }] });
  });

  it.each([
    ['in its middle', (frames: number) => Math.floor(frames / 2)],
    ['in its first frame', () => 0],
  ])('with a log that is damaged %s is not believed up to there', (_, choose) => {
    crashed();
    const frames = Math.floor((readFileSync(wal).length - 32) / 1_048);
    flip(wal, 32 + choose(frames) * 1_048 + 500);
    const before = [readFileSync(database), readFileSync(wal)] as const;
    const { state, said } = look(directory);
    expect(said.errors).toHaveLength(1);
    expect(JSON.parse(state)).toMatchObject({ runnable: [] });
    expect(readFileSync(`${database}.damaged-1`).equals(before[0])).toBe(true);
    expect(readFileSync(`${database}.damaged-1-wal`).equals(before[1])).toBe(true);
  });

  it.each([
    ['header', () => 17],
    ['salt of its first frame', () => 32 + 9],
    ['salt of its last frame', (size: number) => size - 1_048 + 9],
  ])('with a log whose %s is damaged has not lost it silently', (_, place) => {
    crashed();
    flip(wal, place(readFileSync(wal).length));
    expect(look(directory).said.errors).toHaveLength(1);
  });

  it('with a log whose last write was cut off is what it was before that write, and says so', () => {
    crashed();
    truncateSync(wal, readFileSync(wal).length - 500);
    const { state, said } = look(directory);
    expect(said).toEqual({ warnings: [expect.stringContaining('was not finished')], errors: [], faults: [] });
    expect(JSON.parse(state)).toMatchObject({ outbox: [{ jobId: 'finished' }, { jobId: 'settled' }] });
  });

  it.each([
    ['is gone', () => unlinkSync(database)],
    ['was emptied', () => truncateSync(database, 0)],
  ])('whose database %s does not lose its log to SQLite, which would remove it', (_, damage) => {
    crashed();
    const bytes = readFileSync(wal);
    damage();
    expect(look(directory).said.errors).toHaveLength(1);
    expect(readFileSync(`${database}.damaged-1-wal`).equals(bytes)).toBe(true);
  });

  it('that is gone where one has been is a loss that is told', () => {
    filled();
    unlinkSync(database);
    const { said } = look(directory);
    expect(said.errors).toEqual([expect.stringContaining('the journal is gone')]);
  });

  it(`is kept ${DAMAGED_KEPT} times at most: the newest`, () => {
    for (let time = 1; time <= DAMAGED_KEPT + 3; time += 1) {
      filled();
      writeFileSync(database, `damage ${time}`);
      look(directory);
    }
    const numbers = damagedFiles(directory).map((name) => Number(name.split('-').at(-1)));
    expect(numbers.sort()).toEqual([4, 5, 6]);
    expect(readFileSync(`${database}.damaged-6`, 'utf8')).toBe('damage 6');
  });
});

describe('a journal that was being set aside when the agent ended', () => {
  const aside = () => `${database}.damaged-1`;
  const points: [string, () => void][] = [
    ['between its two files', () => renameSync(database, aside())],
    ['before the new one was there', bothAside],
    ['amid the reading of what can be read', () => [bothAside(), renameSync(aside(), `${aside()}.closing`)]],
    ['amid the writing of the new one', () => [bothAside(), writeFileSync(`${database}.new`, 'half a journal')]],
  ];

  function bothAside(): void {
    renameSync(database, aside());
    renameSync(wal, `${aside()}-wal`);
  }

  it.each(points)('%s gives its results all the same, and keeps its bytes', (_, die) => {
    crashed();
    const bytes = [database, wal].map((path) => readFileSync(path));
    die();
    const { journal, said } = openAndListen(directory);
    expect(said.errors).toHaveLength(1);
    expect(said.errors[0]).toContain('results that could be read are kept');
    expect(journal.outbox()).toMatchObject([{ jobId: 'finished', statusDetails: { reason: 'finished' } }]);
    expect(journal.recordOne(listed('settled'), 300)).toBe(false);
    const inProgress = listed('running', 'IN_PROGRESS');
    journal.recordList({ timestamp: 300, executions: [inProgress], complete: true });
    expect(journal.runnable()).toMatchObject([{ jobId: 'running', historyLost: true }]);
    journal.close();
    expect([aside(), `${aside()}-wal`].map((path) => readFileSync(path))).toEqual(bytes);
    expect(damagedFiles(directory).sort()).toEqual(['journal.sqlite.damaged-1', 'journal.sqlite.damaged-1-wal']);
  });

  it('gives its results once: what they have become stays so though the new one is lost, too', () => {
    crashed();
    bothAside();
    const { journal } = openAndListen(directory);
    journal.settle(key('finished'));
    journal.close();
    unlinkSync(database);
    const { state, said } = look(directory);
    expect(said.errors).toEqual([expect.stringContaining('the journal is gone')]);
    expect(JSON.parse(state)).toEqual({ runnable: [], outbox: [] });
  });
});

describe('what the service has IN_PROGRESS after a loss', () => {
  function lost(): Journal {
    filled();
    writeFileSync(database, 'damage');
    return openJournal(directory);
  }
  const list = (journal: Journal, complete: boolean, ...executions: ReturnType<typeof listed>[]) =>
    journal.recordList({ timestamp: 300, executions, complete });

  it('is marked, for its steps may have run; what is queued is not', () => {
    const journal = lost();
    list(journal, true, listed('running', 'IN_PROGRESS'), listed('queued'));
    expect(journal.runnable()).toMatchObject([
      { jobId: 'running', historyLost: true },
      { jobId: 'queued', historyLost: false },
    ]);
    journal.close();
    expect(JSON.parse(look(directory).state)).toMatchObject({ runnable: [{ historyLost: true }, {}] });
  });

  it('is marked until a complete list has come, over restarts', () => {
    let journal = lost();
    journal.close();
    journal = openJournal(directory);
    journal.recordOne(listed('first', 'IN_PROGRESS'), 300);
    list(journal, false, listed('second', 'IN_PROGRESS'));
    list(journal, true, listed('third', 'IN_PROGRESS'));
    list(journal, true, listed('fourth', 'IN_PROGRESS'));
    expect(journal.runnable().map(({ historyLost }) => historyLost)).toEqual([true, true, true, false]);
    journal.close();
  });

  it('is not marked in a journal that is new', () => {
    const journal = openJournal(directory);
    list(journal, true, listed('running', 'IN_PROGRESS'));
    expect(journal.runnable()).toMatchObject([{ jobId: 'running', historyLost: false }]);
    journal.close();
  });

  it('is marked when the journal was lost between being set aside and begun anew', () => {
    filled();
    renameSync(database, `${database}.damaged-1`);
    const journal = openJournal(directory);
    list(journal, true, listed('running', 'IN_PROGRESS'));
    expect(journal.runnable()).toMatchObject([{ jobId: 'running', historyLost: true }]);
    expect(journal.outbox()).toMatchObject([{ jobId: 'finished', statusDetails: { reason: 'finished' } }]);
    journal.close();
  });
});

describe('a journal that is damaged while it is open', () => {
  const damages: [string, () => void][] = [
    ['removed', () => unlinkSync(database)],
    ['replaced', () => replaced(database)],
    ['overwritten', () => overwritten(database)],
    ['emptied', () => truncateSync(database, 0)],
    ['removed with its directory', () => rmSync(directory, { recursive: true })],
    ['robbed of its log', () => unlinkSync(wal)],
    ['left with an emptied log', () => truncateSync(wal, 0)],
    ['left with an overwritten log', () => overwritten(wal)],
    ['written to', () => appendFileSync(wal, 'x')],
  ];

  function replaced(path: string): void {
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
  }

  function overwritten(path: string): void {
    writeSync(openSync(path, 'r+'), Buffer.alloc(4_000, 0x55), 0, 4_000, 0);
  }

  it.each(damages)('(%s) is written anew at the next write, and nothing is lost', (_, damage) => {
    const { journal, said } = openAndListen(directory);
    fill(journal);
    damage();
    journal.step(key('running'), { type: 'finishStep', elapsedMs: 9, details: {}, ignoredFailure: false });
    expect(said.errors).toEqual([expect.stringMatching(/damaged and set aside.*nothing is lost/s)]);
    const before = snapshot(journal);
    expect(JSON.parse(before)).toMatchObject({
      runnable: [{ jobId: 'running', step: { index: 1 }, document: { steps: 3 } }, { jobId: 'queued' }],
      outbox: [{ jobId: 'finished' }],
    });
    journal.close();
    expect(look(directory)).toMatchObject({ state: before, said: { errors: [], faults: [] } });
    expect(openAndRecord('settled')).toBe(false);
  });

  it.each(damages)('(%s) is written anew at the end', (_, damage) => {
    const { journal, said } = openAndListen(directory);
    fill(journal);
    const before = snapshot(journal);
    damage();
    journal.close();
    expect(said.errors).toHaveLength(1);
    expect(look(directory)).toMatchObject({ state: before, said: { errors: [] } });
  });

  it('goes on when it could only be written anew later', () => {
    const { journal, said } = openAndListen(directory);
    fill(journal);
    unlinkSync(database);
    // In the way of the new one, as a full disk would be.
    const draft = `${database}.new`;
    mkdirSync(draft);
    expect(() => journal.settle(key('finished'))).toThrow(expect.objectContaining({ code: 'JOURNAL_UNAVAILABLE' }));
    expect(journal.outbox()).toHaveLength(1);
    expect(said.faults.length).toBeGreaterThan(0);
    rmSync(draft, { recursive: true });
    journal.settle(key('finished'));
    const before = snapshot(journal);
    journal.close();
    expect(look(directory).state).toBe(before);
  });

  function openAndRecord(jobId: string): boolean {
    const journal = openJournal(directory);
    const isNew = journal.recordOne(listed(jobId), 400);
    journal.close();
    return isNew;
  }
});

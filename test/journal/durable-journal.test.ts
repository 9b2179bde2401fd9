import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SETTLED_FORGOTTEN_AT_ONCE, SETTLED_KEPT } from '../../src/journal/durable-journal.ts';
import type { Journal, ListedExecution } from '../../src/journal/journal.ts';
import { openJournal, SCHEMA_VERSION } from '../../src/journal/journal-file.ts';
import { QUEUED_KEPT } from '../../src/journal/pending-list.ts';
import { fastDirectory } from '../support/fast-directory.ts';
import { describeWith } from '../support/requirements.ts';

let directory: string;
let journal: Journal;

beforeEach(() => {
  directory = fastDirectory('journal-');
  journal = openJournal(directory);
});

afterEach(() => {
  journal.close();
  rmSync(directory, { recursive: true });
});

const queued = (jobId: string, queuedAt = 100, executionNumber = 1): ListedExecution => ({
  jobId,
  executionNumber,
  queuedAt,
  status: 'QUEUED',
});
const list = (executions: ListedExecution[], timestamp: number | undefined = 200, complete = true) =>
  journal.recordList({ timestamp, executions, complete });
const names = () => journal.runnable().map((execution) => execution.jobId);
const key = (jobId: string, executionNumber = 1) => ({ jobId, executionNumber, queuedAt: 100 });

const start = { type: 'start', elapsedMs: 5, afterInterruption: false } as const;

function reopen(): void {
  journal.close();
  journal = openJournal(directory);
}

describe('what is queued while every list is cut', () => {
  it('is bounded: what no list has named for long is forgotten, and what is claimed stays', () => {
    list([queued('ours')], 1);
    journal.claim(key('ours'), { document: {}, handler: 'h' });
    for (let round = 0; round * 10 < QUEUED_KEPT + 30; round += 1) {
      const executions = Array.from({ length: 10 }, (_, index) => queued(`job-${round}-${index}`));
      list(executions, 2 + round, false);
    }
    const round = QUEUED_KEPT / 10 + 3;
    expect(journal.recordOne(queued('alone'), 2 + round)).toBe(true);
    expect(names()).toHaveLength(1 + QUEUED_KEPT);
    expect(names()).toEqual(expect.arrayContaining(['ours', 'alone', `job-${round - 1}-9`, 'job-3-8']));
    expect(names()).not.toContain('job-2-0');
    expect(names()).not.toContain('job-3-9');
  });
});

describe('the order of what may run', () => {
  it('is IN_PROGRESS first, then queuedAt', () => {
    list([{ ...queued('running', 300), status: 'IN_PROGRESS' }, queued('late', 200), queued('early', 100)]);
    expect(names()).toEqual(['running', 'early', 'late']);
  });

  it('keeps the service’s order where queuedAt is the same second', () => {
    list([queued('b'), queued('a'), queued('c')]);
    expect(names()).toEqual(['b', 'a', 'c']);
    list([queued('c'), queued('b'), queued('a')], 201);
    expect(names()).toEqual(['c', 'b', 'a']);
  });

  it('puts what is claimed before everything else', () => {
    list([queued('first', 1), queued('second', 100)]);
    journal.claim(key('second'), { document: {}, handler: 'h' });
    expect(names()).toEqual(['second', 'first']);
  });
});

describe('a pending list', () => {
  it('drops a queued execution that a newer complete list no longer names', () => {
    list([queued('a'), queued('b')], 200);
    expect(list([queued('b')], 201)).toMatchObject({ added: 0, dropped: 1 });
    expect(names()).toEqual(['b']);
  });

  it('drops nothing when it may have been cut, when it is older, or when it has no time', () => {
    list([queued('a')], 200);
    list([], 201, false);
    list([], 199);
    list([], 200);
    journal.recordList({ timestamp: undefined, executions: [], complete: true });
    expect(names()).toEqual(['a']);
  });

  it('does not drop what a notification named after the list was made', () => {
    journal.recordOne(queued('new'), 205);
    list([], 204);
    expect(names()).toEqual(['new']);
  });

  it('never drops what is claimed or finished', () => {
    list([queued('claimed'), queued('finished')]);
    journal.claim(key('claimed'), { document: {}, handler: 'h' });
    journal.finish(key('finished'), { status: 'FAILED', statusDetails: {} });
    list([], 300);
    expect(names()).toEqual(['claimed']);
    expect(journal.outbox().map((report) => report.jobId)).toEqual(['finished']);
  });

  it('does not bring back what is finished or settled', () => {
    list([queued('a'), queued('b')]);
    journal.finish(key('a'), { status: 'SUCCEEDED', statusDetails: {} });
    journal.finish(key('b'), { status: 'SUCCEEDED', statusDetails: {} });
    journal.settle(key('b'));
    expect(list([queued('a'), queued('b')], 300)).toMatchObject({ added: 0, dropped: 0 });
    expect(names()).toEqual([]);
  });

  it('knows a job id that was deleted and used again by its queuedAt, and keeps the old result from it', () => {
    list([queued('a', 100), queued('b', 100)]);
    journal.finish(key('a'), { status: 'FAILED', statusDetails: {} });
    journal.finish(key('b'), { status: 'FAILED', statusDetails: {} });
    journal.settle(key('b'));
    expect(list([queued('a', 150), queued('b', 160)], 300)).toMatchObject({ added: 2, dropped: 0 });
    expect(names()).toEqual(['a', 'b']);
    expect(journal.outbox()).toEqual([]);
  });

  it('takes what names an earlier job of the same id for old news: neither result nor settled execution is lost', () => {
    list([queued('a', 100), queued('b', 100)]);
    journal.finish(key('a'), { status: 'FAILED', statusDetails: {} });
    journal.finish(key('b'), { status: 'FAILED', statusDetails: {} });
    journal.settle(key('b'));
    expect(list([queued('a', 50), queued('b', 50)], 300)).toMatchObject({ added: 0, dropped: 0 });
    expect(names()).toEqual([]);
    expect(journal.outbox().map((report) => report.jobId)).toEqual(['a']);
  });

  it('names as doubtful what is pending though it is settled here with the same queuedAt', () => {
    list([queued('a'), queued('b'), queued('c')]);
    for (const settled of ['a', 'b']) {
      journal.finish(key(settled), { status: 'SUCCEEDED', statusDetails: {} });
      journal.settle(key(settled));
    }
    const listed = [queued('a'), { ...queued('b'), status: 'IN_PROGRESS' as const }, queued('c')];
    expect(list(listed, 300)).toEqual({ added: 0, dropped: 0, doubtful: listed.slice(0, 2) });
  });

  it('does not bring back what had begun and was forgotten, over restarts; what had not begun it does', () => {
    list([queued('begun'), queued('queued')]);
    journal.claim(key('begun'), { document: {}, handler: 'h' });
    for (const jobId of ['begun', 'queued']) journal.forget(key(jobId));
    reopen();
    const inProgress = { ...queued('begun'), status: 'IN_PROGRESS' as const };
    expect(list([inProgress, queued('queued')], 300)).toEqual({ added: 1, dropped: 0, doubtful: [inProgress] });
    expect(names()).toEqual(['queued']);
    expect(list([queued('begun', 150)], 301)).toMatchObject({ added: 1 });
  });

  it.each<[string, () => void]>([
    ['claimed', () => journal.claim(key('a'), { document: { old: true }, handler: 'h' })],
    ['finished', () => journal.finish(key('a'), { status: 'REJECTED', statusDetails: {} })],
    ['settled', () => journal.settle(key('a'))],
    ['forgotten', () => journal.forget(key('a'))],
  ])('leaves a later job of the same id alone when the earlier one is %s', (_what, happen) => {
    list([queued('a', 100)]);
    list([queued('a', 150)], 300);
    happen();
    expect(journal.runnable()).toMatchObject([{ jobId: 'a', queuedAt: 150, state: 'queued', document: undefined }]);
    expect(journal.outbox()).toEqual([]);
  });

  it('keeps a result whose queuedAt was not known when the list brings it', () => {
    journal.recordOne(queued('a', 0), 200);
    journal.finish(key('a'), { status: 'SUCCEEDED', statusDetails: {} });
    list([queued('a', 100)], 300);
    expect(journal.outbox().map((report) => report.jobId)).toEqual(['a']);
    expect(names()).toEqual([]);
  });

  it('that dropped an execution while it was claimed does not lose it', () => {
    list([queued('a')], 200);
    list([], 201);
    journal.claim(key('a'), { document: {}, handler: 'h' });
    expect(names()).toEqual(['a']);
    journal.finish(key('a'), { status: 'SUCCEEDED', statusDetails: {} });
    expect(journal.outbox()).toHaveLength(1);
  });

  it('runs a retry of the service, a new execution number, anew', () => {
    list([queued('a', 100, 1)]);
    journal.finish(key('a', 1), { status: 'FAILED', statusDetails: {} });
    list([queued('a', 100, 2)], 300);
    expect(journal.runnable()).toMatchObject([{ jobId: 'a', executionNumber: 2 }]);
  });

  it('that says again what is known writes nothing', () => {
    list([queued('a'), { ...queued('b'), status: 'IN_PROGRESS' }], 200);
    journal.claim(key('b'), { document: {}, handler: 'h' });
    const before = statSync(join(directory, 'journal.sqlite-wal'), { bigint: true }).mtimeNs;
    list([queued('a'), { ...queued('b'), status: 'IN_PROGRESS' }], 200);
    expect(statSync(join(directory, 'journal.sqlite-wal'), { bigint: true }).mtimeNs).toBe(before);
  });
});

describe('what was done', () => {
  it('survives a restart: the document, the next step and its attempts', () => {
    list([queued('a')]);
    journal.claim(key('a'), { document: { steps: [1, 2] }, handler: 'h' });
    journal.step(key('a'), start);
    journal.step(key('a'), { type: 'finishStep', elapsedMs: 5, details: { x: '1' }, ignoredFailure: false });
    journal.step(key('a'), start);
    journal.step(key('a'), start);
    reopen();
    expect(journal.runnable()).toMatchObject([
      { state: 'running', document: { steps: [1, 2] }, step: { index: 1, attempts: 2 }, details: { x: '1' } },
    ]);
  });

  it('survives a restart: results wait in the outbox in their order until they are settled', () => {
    list([queued('a'), queued('b')]);
    journal.finish(key('b'), { status: 'FAILED', statusDetails: { reason: 'x' } });
    journal.finish(key('a'), { status: 'REJECTED', statusDetails: { reason: 'y' } });
    reopen();
    expect(journal.outbox()).toEqual([
      { jobId: 'b', executionNumber: 1, queuedAt: 100, status: 'FAILED', statusDetails: { reason: 'x' } },
      { jobId: 'a', executionNumber: 1, queuedAt: 100, status: 'REJECTED', statusDetails: { reason: 'y' } },
    ]);
    journal.settle(key('b'));
    reopen();
    expect(journal.outbox().map((report) => report.jobId)).toEqual(['a']);
  });

  it('waits once more when it is opened again: with its details where it was denied, else with what is given', () => {
    list([queued('denied'), queued('acknowledged'), queued('given-up')]);
    for (const jobId of ['denied', 'acknowledged']) {
      journal.finish(key(jobId), { status: 'SUCCEEDED', statusDetails: { reason: jobId } });
    }
    journal.settle(key('denied'), 'denied');
    journal.settle(key('acknowledged'));
    journal.claim(key('given-up'), { document: {}, handler: 'h' });
    journal.forget(key('given-up'));
    reopen();
    expect(journal.outbox()).toEqual([]);
    for (const jobId of ['given-up', 'denied', 'acknowledged']) journal.reopen(key(jobId), { reason: 'otherwise' });
    reopen();
    expect(journal.outbox()).toMatchObject([
      { jobId: 'given-up', status: 'FAILED', statusDetails: { reason: 'otherwise' } },
      { jobId: 'denied', status: 'SUCCEEDED', statusDetails: { reason: 'denied' } },
      { jobId: 'acknowledged', status: 'SUCCEEDED', statusDetails: { reason: 'otherwise' } },
    ]);
    expect(names()).toEqual([]);
  });

  it('is opened again or let in anew only while it is settled', () => {
    list([queued('running'), queued('finished')]);
    journal.claim(key('running'), { document: {}, handler: 'h' });
    journal.finish(key('finished'), { status: 'SUCCEEDED', statusDetails: { reason: 'its own' } });
    for (const jobId of ['running', 'finished', 'unknown']) {
      journal.readmit(key(jobId));
      journal.reopen(key(jobId), { reason: 'another' });
    }
    journal.forget(key('finished'));
    expect(names()).toEqual(['running']);
    expect(journal.outbox()).toMatchObject([{ jobId: 'finished', statusDetails: { reason: 'its own' } }]);
  });

  it('lets in anew what was settled', () => {
    list([queued('a')]);
    journal.finish(key('a'), { status: 'SUCCEEDED', statusDetails: {} });
    journal.settle(key('a'));
    journal.readmit(key('a'));
    expect(list([queued('a')], 300)).toEqual({ added: 1, dropped: 0, doubtful: [] });
  });

  it('does not settle a new job of the same id, which has come in since', () => {
    list([queued('a', 100)]);
    journal.finish(key('a'), { status: 'FAILED', statusDetails: {} });
    list([queued('a', 150)], 300);
    journal.settle(key('a'));
    expect(names()).toEqual(['a']);
  });

  it(`is forgotten beyond the last ${SETTLED_KEPT} settled executions`, () => {
    for (let i = 0; i < SETTLED_KEPT + SETTLED_FORGOTTEN_AT_ONCE + 1; i += 1) {
      journal.recordOne(queued(`job-${i}`), 1);
      journal.finish(key(`job-${i}`), { status: 'SUCCEEDED', statusDetails: {} });
      journal.settle(key(`job-${i}`));
    }
    expect(journal.recordOne(queued('job-0'), 1)).toBe(true);
    expect(journal.recordOne(queued('job-63'), 1)).toBe(true);
    expect(journal.recordOne(queued('job-64'), 1)).toBe(false);
    expect(journal.recordOne(queued('job-1064'), 1)).toBe(false);
  });
});

describe('the state directory', () => {
  it('is held by one agent: a second one is told the pid of the first', () => {
    const child = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { openJournal } = await import(${JSON.stringify(join(import.meta.dirname, '../../dist/journal/journal-file.js'))});
         try { openJournal(process.argv[1]); } catch (error) { console.log(error.code + ' ' + error.message); }`,
        directory,
      ],
      { encoding: 'utf8' },
    );
    expect(child.stdout).toContain('STATE_DIRECTORY_LOCKED');
    expect(child.stdout).toContain(`pid ${process.pid}`);
  });

  it('is held, whatever somebody has written into its lock', () => {
    journal.close();
    writeFileSync(join(directory, 'agent.lock'), 'some words, and more of them than a header has bytes '.repeat(20));
    journal = openJournal(directory);
    expect(journal.recordOne(queued('a'), 1)).toBe(true);
  });

  it('that cannot be used is a local fault with its path', () => {
    const file = join(directory, 'a-file');
    writeFileSync(file, '');
    expect(() => openJournal(join(file, 'state'))).toThrow(
      expect.objectContaining({ code: 'STATE_DIRECTORY_UNUSABLE', message: expect.stringContaining(file) }),
    );
  });

  it('written by a newer agent is refused, not changed', () => {
    journal.close();
    const path = join(directory, 'journal.sqlite');
    const database = new DatabaseSync(path);
    database.exec(`ALTER TABLE executions ADD COLUMN more TEXT; PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    database.close();
    const before = readFileSync(path);
    expect(() => openJournal(directory)).toThrow(expect.objectContaining({ code: 'JOURNAL_TOO_NEW' }));
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(directory).sort()).toEqual(['agent.lock', 'agent.pid', 'journal.sqlite']);
    rmSync(path);
    journal = openJournal(directory);
  });
});

describeWith('ROOT', 'a journal that the agent’s user may not write', () => {
  it.each([
    ['its directory', ''],
    ['its database', 'journal.sqlite'],
    ['its lock', 'agent.lock'],
  ])('(%s) is a local fault, not damage, and not a disk that may recover', (_, name) => {
    journal.close();
    for (const file of readdirSync(directory)) chownSync(join(directory, file), NOBODY, NOBODY);
    chownSync(directory, NOBODY, NOBODY);
    chownSync(join(directory, name), 0, 0);
    chmodSync(join(directory, name), 0o700);
    const script = `
      const { openJournal } = await import(${JSON.stringify(join(import.meta.dirname, '../../dist/journal/journal-file.js'))});
      process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY});
      try { openJournal(process.argv[1]); } catch (error) { console.log(error.code + ' ' + error.message); }`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, directory], { encoding: 'utf8' });
    expect(child.stdout).toMatch(/^STATE_DIRECTORY_UNUSABLE .*EACCES.*be writable by the agent's user/);
    expect(readdirSync(directory).sort()).toEqual(['agent.lock', 'agent.pid', 'journal.sqlite']);
    journal = openJournal(directory);
  });
});

const NOBODY = 65_534;

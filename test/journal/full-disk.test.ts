import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../support/requirements.ts';
import { Tmpfs } from '../support/tmpfs.ts';
import { history, snapshot } from './history.mjs';
import { damagedFiles, look, openAndListen, type Recorded, record } from './journal-lab.ts';

describeWith('ROOT', 'a journal on a small disk', () => {
  const recorded: Recorded = record();
  const calls = history();
  let disk: Tmpfs;
  let directory: string;

  beforeEach(() => {
    disk = new Tmpfs('size=4m,nr_inodes=64');
    directory = join(disk.path, 'state');
  });

  afterEach(() => disk.close());

  /** Makes calls until one fails. Returns the number of the first that did not return. */
  function runFrom(journal: ReturnType<typeof openAndListen>['journal'], from: number): number {
    for (let index = from; index < calls.length; index += 1) {
      try {
        calls[index]?.(journal);
      } catch (error) {
        expect(error).toMatchObject({ code: 'JOURNAL_UNAVAILABLE', retryable: true });
        return index;
      }
    }
    return calls.length;
  }

  it('loses nothing, whatever room is left, and goes on when there is room again', () => {
    let stopped = 0;
    for (let blocks = 0; blocks <= 120; blocks += blocks < 12 ? 1 : 9) {
      disk.fill(blocks);
      const { journal, said } = openAndListen(directory);
      const failed = said.faults.length > 0 ? 0 : runFrom(journal, 0);
      if (failed < calls.length) stopped += 1;
      disk.empty();
      // What was acknowledged is there, and the call that failed has left nothing.
      expect(snapshot(journal)).toBe(recorded.states[failed]);
      expect(runFrom(journal, failed)).toBe(calls.length);
      journal.close();
      expect(look(directory)).toEqual({
        state: recorded.states.at(-1),
        said: { warnings: [], errors: [], faults: [] },
      });
      rmSync(directory, { recursive: true });
    }
    expect(stopped).toBeGreaterThan(8);
  });

  it('is there after a start on a disk that was filled while it ran and the process died', () => {
    const { journal } = openAndListen(directory);
    disk.fill(3);
    const failed = runFrom(journal, 0);
    expect(failed).toBeLessThan(calls.length);
    journal.close();
    expect(look(directory).state).toBe(recorded.states[failed]);
  });

  it('writes on where its log has been: a full disk does not stop what runs', () => {
    const first = openAndListen(directory);
    runFrom(first.journal, 0);
    first.journal.close();
    const { journal } = openAndListen(directory);
    const write = (time: number) => journal.saveProgress({ jobId: 'job-3', executionNumber: 1 }, { time });
    for (let time = 0; time < 40; time += 1) write(time);
    const grown = statSync(join(directory, 'journal.sqlite-wal')).size;
    disk.fill(0);
    for (let time = 0; time < 1_000; time += 1) write(time);
    expect(statSync(join(directory, 'journal.sqlite-wal')).size).toBeLessThan(grown + 4_096);
    journal.close();
    disk.empty();
    expect(JSON.parse(look(directory).state)).toMatchObject({
      runnable: [{ jobId: 'job-3', progress: { time: 999 } }, { jobId: 'job-7' }],
    });
  });

  it('is begun when there are inodes again', () => {
    disk.remount('nr_inodes=2');
    const { journal, said } = openAndListen(directory);
    expect(said.faults.length).toBeGreaterThan(0);
    disk.remount('nr_inodes=64');
    expect(runFrom(journal, 0)).toBe(calls.length);
    journal.close();
  });

  it('that is read-only is opened when it is not any more, with all that was in it', () => {
    const first = openAndListen(directory);
    runFrom(first.journal, 0);
    first.journal.close();
    disk.remount('ro');
    const { journal, said } = openAndListen(directory);
    expect(said.errors).toEqual([]);
    expect(said.faults).toEqual([expect.stringContaining('look at the disk')]);
    expect(() => journal.runnable()).toThrow(expect.objectContaining({ code: 'JOURNAL_UNAVAILABLE' }));
    expect(() => journal.probe()).toThrow(expect.objectContaining({ code: 'JOURNAL_UNAVAILABLE' }));
    disk.remount('rw');
    journal.probe();
    expect(snapshot(journal)).toBe(recorded.states.at(-1));
    journal.close();
    expect(damagedFiles(directory)).toEqual([]);
  });

  it('is damaged and on a full disk: set aside at once, begun anew when there is room, and no result is lost by then', () => {
    const first = openAndListen(directory);
    runFrom(first.journal, 0);
    const results = first.journal.outbox();
    expect(results.length).toBeGreaterThan(1);
    first.journal.close();
    const path = join(directory, 'journal.sqlite');
    const bytes = readFileSync(path);
    // In its header: seen before SQLite needs room for its log, and no row is hurt.
    bytes[18] = 9;
    writeFileSync(path, bytes);
    disk.fill(0);
    // Two starts of the agent, in neither of which there is room.
    for (const text of ['damaged and set aside', 'the journal is gone']) {
      const { journal, said } = openAndListen(directory);
      expect(said.errors).toEqual([expect.stringContaining(text)]);
      expect(said.faults.length).toBeGreaterThan(0);
      expect(damagedFiles(directory)).toEqual(['journal.sqlite.damaged-1']);
      expect(existsSync(path)).toBe(false);
      expect(journal.outbox()).toEqual(results);
      journal.close();
    }
    const { journal } = openAndListen(directory);
    disk.empty();
    journal.recordList({ timestamp: 1, executions: [], complete: true });
    journal.close();
    expect(JSON.parse(look(directory).state)).toEqual({ runnable: [], outbox: results });
    expect(readFileSync(`${path}.damaged-1`).equals(bytes)).toBe(true);
    expect(readdirSync(directory).filter((name) => name.includes('.new'))).toEqual([]);
  });
});

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { fastDirectory } from '../support/fast-directory.ts';
import { describeWith } from '../support/requirements.ts';
import { seeded } from '../support/seeded.ts';
import { Disk, type DiskEvent, readTrace, TRACE } from './disk-replay.ts';
import { CHILD, type Files, inDirectory, look, record } from './journal-lab.ts';

/** The history, as strace saw a process of its own write it: every crash of it can be made from that, and in no time. */
describeWith('STRACE', 'a journal after a crash', () => {
  let events: DiskEvent[];
  /** After each number of events. */
  let disks: Disk[];
  let states: readonly string[];

  beforeAll(() => {
    states = record().states;
    const directory = fastDirectory('traced-');
    const trace = `${directory}.trace`;
    execFileSync('strace', [...TRACE, '-o', trace, process.execPath, CHILD, directory], { stdio: 'pipe' });
    events = readTrace(trace, directory);
    rmSync(directory, { recursive: true });
    rmSync(trace);
    disks = [new Disk()];
    for (const event of events) disks.push((disks.at(-1) ?? new Disk()).after(event));
  });

  function at(count: number): Disk {
    return disks[count] ?? expect.fail('no such event');
  }

  /** How many calls had returned by then. */
  function acknowledged(count: number): number {
    return events.slice(0, count).filter((event) => event.kind === 'said' && /^ack/.test(event.text)).length;
  }

  /** It is there, whole, with all that was acknowledged; the call under way may be there too, and is whole then. */
  function expectSound(files: Files, calls: number): void {
    inDirectory(files, (directory) => {
      const { state, said } = look(directory);
      expect(said).toMatchObject({ errors: [], faults: [] });
      expect([states[calls], states[calls + 1]]).toContain(state);
    });
  }

  it('has synced each call before it returned, its log, and once the name of each file', () => {
    const unsynced = new Set<string>();
    let isDirectorySynced = true;
    let calls = 0;
    for (const event of events) {
      if (event.kind === 'write') unsynced.add(event.name);
      if (event.kind === 'sync' || event.kind === 'unlink') unsynced.delete(event.name);
      if (event.kind === 'create' && event.name !== 'agent.pid') isDirectorySynced = false;
      if (event.kind === 'syncDirectory') isDirectorySynced = true;
      if (event.kind !== 'said' || !/^ack/.test(event.text)) continue;
      calls += 1;
      expect([...unsynced].filter((name) => name !== 'agent.pid' && name !== 'journal.sqlite')).toEqual([]);
      expect(isDirectorySynced).toBe(true);
    }
    expect(calls).toBe(states.length - 1);
    // The database itself is written when the log is folded in: that must have happened on the way.
    const lastCall = events.findLastIndex((event) => event.kind === 'said' && /^ack/.test(event.text));
    const writes = events
      .slice(0, lastCall)
      .filter((event) => event.kind === 'write' && event.name === 'journal.sqlite');
    expect(writes.length).toBeGreaterThan(10);
  });

  it('is whole and has all that was acknowledged, wherever the process was killed', () => {
    const anywhere = fc.integer({ min: 0, max: events.length });
    fc.assert(
      fc.property(anywhere, (count) => {
        expectSound(at(count).afterKill, acknowledged(count));
      }),
      seeded(200),
    );
  });

  it('is whole and has all that was acknowledged, wherever the power went and whatever the disk kept', () => {
    const anywhere = fc.integer({ min: 0, max: events.length });
    fc.assert(
      fc.property(anywhere, fc.infiniteStream(fc.boolean()), (count, bits) => {
        expectSound(
          at(count).afterPowerLoss(() => bits.next().value === true),
          acknowledged(count),
        );
      }),
      seeded(300),
    );
  });

  it('survives a real SIGKILL at a write, a sync, a rename and a removal', () => {
    const kills = [
      'pwrite64:when=40',
      'pwrite64:when=333',
      'fsync:when=3',
      'fsync:when=30',
      'rename:when=1',
      'unlink:when=2',
    ];
    for (const call of kills) {
      const directory = fastDirectory('killed-');
      const inject = ['-e', `trace=${call.split(':')[0]}`, '-e', `inject=${call}:signal=SIGKILL`];
      const said = attempt(['-o', join('/dev/null'), ...inject, process.execPath, CHILD, directory]);
      expect(said, call).not.toContain('"faults"');
      const calls = said.match(/^ack/gm)?.length ?? 0;
      const { state, said: journal } = look(directory);
      expect(journal, call).toMatchObject({ errors: [], faults: [] });
      expect([states[calls], states[calls + 1]], call).toContain(state);
      rmSync(directory, { recursive: true });
    }
  });
});

/** What the child said before it was killed. */
function attempt(args: readonly string[]): string {
  try {
    return execFileSync('strace', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    return typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : '';
  }
}

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { describeWith } from '../support/requirements.ts';
import { CHILD, damagedFiles, type Files, inDirectory, look, type Recorded, record } from './journal-lab.ts';

/** What the child says at its end. */
interface End {
  readonly faults: number;
  readonly lines: readonly string[];
  /** What it found in the journal. */
  readonly state: string;
}

/** The system's calls fail as told, for the journal's files alone. No end: the child gave up, for all its tries failed. */
function withFaults(
  inject: string,
  files: Files,
  args: readonly string[],
  judge: (end: End | undefined, directory: string) => void,
): void {
  inDirectory(files, (directory) => {
    const database = join(directory, 'journal.sqlite');
    const names = ['', '-wal', '.new', '.new-wal'].map((suffix) => `${database}${suffix}`);
    const paths = [directory, join(directory, 'agent.lock'), ...names];
    const child = spawnSync(
      'strace',
      [
        ...['-o', '/dev/null', '-e', `trace=${inject.split(':')[0]}`, '-e', `inject=${inject}`],
        ...paths.flatMap((path) => ['-P', path]),
        ...[process.execPath, CHILD, directory, ...args],
      ],
      { encoding: 'utf8' },
    );
    if (child.status !== 0) expect(child.stderr, inject).toContain('JOURNAL_UNAVAILABLE');
    const last = child.stdout.trim().split('\n').at(-1) ?? '';
    judge(child.status === 0 ? (JSON.parse(last) as End) : undefined, directory);
  });
}

describeWith('STRACE', 'a journal on a failing disk', () => {
  let recorded: Recorded;

  beforeAll(() => {
    recorded = record();
  });

  // Bursts, and faults that come again after more calls than the largest transaction needs: each write is hit.
  it.each([
    'pwrite64:error=ENOSPC:when=2+251',
    'pwrite64:error=EIO:when=60+199',
    'pwrite64:error=EROFS:when=30..70',
    'fsync:error=EIO:when=2+9',
    'fsync:error=EIO:when=6+5',
    'fsync:error=ENOSPC:when=1..20',
    'ftruncate,unlink,rename:error=EIO:when=1..4',
    'openat:error=ENOSPC:when=1..3',
    'openat:error=EROFS:when=2+11',
    'pread64:error=EIO:when=2..9',
    'pread64:error=EIO:when=15+23',
  ])('loses nothing, keeps nothing half done and goes on by itself: %s', (inject) => {
    withFaults(inject, new Map(), ['100'], (end, directory) => {
      expect(end?.lines).toEqual([]);
      const { state, said } = look(directory);
      expect(state).toBe(recorded.states.at(-1));
      expect(said).toEqual({ warnings: [], errors: [], faults: [] });
      expect(damagedFiles(directory)).toEqual([]);
    });
  });

  it('takes no failed read for damage, whichever it is', () => {
    for (const when of ['1', '2', '3', '4', '5', '7', '3..4', '1+2', '4+1', '4+3']) {
      for (const files of [recorded.open, recorded.closed]) {
        withFaults(`pread64,read:error=EIO:when=${when}`, files, ['5', 'open'], (end, directory) => {
          expect(damagedFiles(directory), when).toEqual([]);
          if (end) expect(end, when).toMatchObject({ lines: [], state: recorded.states.at(-1) });
        });
      }
    }
  });

  it('takes no failed read for damage when it has just been begun, though SQLite calls it malformed', () => {
    for (const when of ['2', '4', '6', '9', '11', '13', '2+11', '3+10', '4+9']) {
      withFaults(`pread64:error=EIO:when=${when}`, new Map(), ['5', 'open'], (end, directory) => {
        expect(damagedFiles(directory), when).toEqual([]);
        if (end) expect(end, when).toMatchObject({ lines: [] });
      });
    }
  });
});

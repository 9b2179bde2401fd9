import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { fastDirectory } from '../support/fast-directory.ts';
import { describeWith } from '../support/requirements.ts';
import { CHILD, damagedFiles, type Files, look, type Recorded, record } from './journal-lab.ts';

/** What the child says at its end. */
interface End {
  readonly faults: number;
  readonly lines: readonly string[];
  /** What it found in the journal. */
  readonly state: string;
}

/** The system's calls fail as told, for the journal's files alone. */
function withFaults(
  inject: string,
  files: Files,
  args: readonly string[],
  judge: (end: End, directory: string) => void,
) {
  const directory = fastDirectory('faults-');
  for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes);
  const database = join(directory, 'journal.sqlite');
  const paths = [directory, database, `${database}-wal`, `${database}.new`, `${database}.new-wal`];
  const output = execFileSync(
    'strace',
    [
      ...['-o', '/dev/null', '-e', `trace=${inject.split(':')[0]}`, '-e', `inject=${inject}`],
      ...paths.flatMap((path) => ['-P', path]),
      ...[process.execPath, CHILD, directory, ...args],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  judge(JSON.parse(output.trim().split('\n').at(-1) ?? '') as End, directory);
  rmSync(directory, { recursive: true });
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
      expect(end.lines).toEqual([]);
      const { state, said } = look(directory);
      expect(state).toBe(recorded.states.at(-1));
      expect(said).toEqual({ warnings: [], errors: [], faults: [] });
      expect(damagedFiles(directory)).toEqual([]);
    });
  });

  it('takes no failed read for damage, whichever it is', () => {
    for (const when of ['1', '2', '3', '4', '5', '7', '3..4', '1+2', '4+3']) {
      // A read that fails every time ends the child's tries: it must give up then, and have set nothing aside.
      for (const files of [recorded.open, recorded.closed]) {
        const inject = `pread64,read:error=EIO:when=${when}`;
        try {
          withFaults(inject, files, ['5', 'open'], ({ lines, state }, directory) => {
            expect(lines).toEqual([]);
            expect(state).toBe(recorded.states.at(-1));
            expect(damagedFiles(directory)).toEqual([]);
          });
        } catch (error) {
          expect(String(error)).toContain('JOURNAL_UNAVAILABLE');
        }
      }
    }
  });
});

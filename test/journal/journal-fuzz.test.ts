import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../support/seeded.ts';
import { damagedFiles, type Files, inDirectory, look, type Recorded, record, type Said } from './journal-lab.ts';

/** Bits that flip, bytes and sectors that are something else, at any place. */
const damage = fc.oneof(
  fc.record({ at: fc.nat(), bytes: fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 128).map((bit) => [bit]) }),
  fc.record({ at: fc.nat(), bytes: fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 600 }) }),
);

function damaged(files: Files, name: string, { at, bytes }: { at: number; bytes: number[] }): Files {
  const copy = Buffer.from(files.get(name) ?? '');
  const place = at % copy.length;
  for (const [offset, byte] of bytes.entries()) {
    const index = place + offset;
    if (index < copy.length) copy[index] = (copy[index] ?? 0) ^ byte;
  }
  return new Map(files).set(name, copy);
}

/** Everything that any state of the history had in its outbox: what has been true of an execution's end stays true. */
function outboxes(states: readonly string[]): Set<string> {
  const reports = states.flatMap((state) => (JSON.parse(state) as { outbox: unknown[] }).outbox);
  return new Set(reports.map((report) => JSON.stringify(report)));
}

describe('a journal with random damage', () => {
  const recorded: Recorded = record();
  const ends = outboxes(recorded.states);
  const final = recorded.states.at(-1);

  /** As it was; or as it was before its last write, and says so; or set aside whole, with nothing kept that is not true. */
  function judge(files: Files, name: string, directory: string, { state, said }: { state: string; said: Said }): void {
    expect(said.faults).toEqual([]);
    if (said.errors.length > 0) {
      const aside = join(directory, name.replace('journal.sqlite', 'journal.sqlite.damaged-1'));
      expect(readFileSync(aside).equals(files.get(name) ?? Buffer.alloc(0))).toBe(true);
      const { runnable, outbox } = JSON.parse(state) as { runnable: unknown[]; outbox: unknown[] };
      expect(runnable).toEqual([]);
      for (const report of outbox) expect(ends).toContain(JSON.stringify(report));
    } else {
      expect(damagedFiles(directory)).toEqual([]);
      expect([final, ...(said.warnings.length > 0 ? [recorded.states.at(-2)] : [])]).toContain(state);
    }
  }

  it.each([
    ['its database, after a clean end', 'closed', 'journal.sqlite'],
    ['its database, after a crash', 'open', 'journal.sqlite'],
    ['its log, after a crash', 'open', 'journal.sqlite-wal'],
  ] as const)('in %s, opens and is right, or is set aside', (_, when, name) => {
    fc.assert(
      fc.property(damage, (where) => {
        const files = damaged(recorded[when], name, where);
        inDirectory(files, (directory) => judge(files, name, directory, look(directory)));
      }),
      seeded(250),
    );
  });

  it('that has lost the end of its database opens and is right, or is set aside', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('open', 'closed'), (at, when) => {
        const whole = recorded[when].get('journal.sqlite') ?? Buffer.alloc(0);
        const files = new Map(recorded[when]).set('journal.sqlite', whole.subarray(0, at % whole.length));
        inDirectory(files, (directory) => judge(files, 'journal.sqlite', directory, look(directory)));
      }),
      seeded(100),
    );
  });

  it('that has lost the end of its log is what it was at some time, as a whole', () => {
    fc.assert(
      fc.property(fc.nat(), (at) => {
        const whole = recorded.open.get('journal.sqlite-wal') ?? Buffer.alloc(0);
        const files = new Map(recorded.open).set('journal.sqlite-wal', whole.subarray(0, at % whole.length));
        inDirectory(files, (directory) => {
          const { state, said } = look(directory);
          expect(said).toMatchObject({ errors: [], faults: [] });
          expect(recorded.states).toContain(state);
        });
      }),
      seeded(100),
    );
  });
});

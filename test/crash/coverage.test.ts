import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/journal-file.ts';
import { STATES } from '../../src/journal/states.ts';
import { allCases } from './cases.ts';

const { kills, errors } = allCases();
const struck = new Set([...kills, ...errors].flatMap(({ edges }) => edges));

/** What each method of the journal writes: the events that a case must strike. */
const METHODS: Readonly<Record<keyof Journal, readonly string[]>> = {
  recordList: ['recordList'],
  recordOne: ['recordOne'],
  claim: ['claim'],
  step: ['start', 'finishStep', 'failTry', 'stop', 'defer', 'reboot', 'skip'],
  saveProgress: ['saveProgress'],
  conclude: ['conclude'],
  finish: ['finish'],
  settle: ['settle'],
  forget: ['forget'],
  reopen: ['reopen'],
  // Before it or after it, the next list says the same.
  readmit: [],
  runnable: [],
  find: [],
  outbox: [],
  isRebuilt: [],
  // It writes what changes nothing.
  probe: [],
  close: [],
};

const edges = Object.entries(STATES).flatMap(([state, { on }]) => Object.keys(on).map((event) => `${state}.${event}`));

test.each(edges)('%s is struck before the write, after it, and by an error', (edge) => {
  expect(['before', 'after', 'error'].filter((kind) => !struck.has(`${edge} ${kind}`))).toEqual([]);
});

test('nothing is struck that the table of states does not have, but what changes no state', () => {
  const others = [...struck].map((name) => name.split(' ')[0] ?? '').filter((edge) => !edges.includes(edge));
  expect(new Set(others)).toEqual(new Set(['running.saveProgress', 'list.recordList', 'list.recordOne']));
});

test('each method of the journal that writes is struck', () => {
  const directory = mkdtempSync(join(tmpdir(), 'coverage-'));
  const journal = openJournal(directory);
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(journal)).filter((name) => name !== 'constructor');
  journal.close();
  rmSync(directory, { recursive: true });
  expect(names.sort()).toEqual(Object.keys(METHODS).sort());
  for (const kind of ['before', 'after', 'error']) {
    const events = [...struck].filter((name) => name.endsWith(` ${kind}`)).map((name) => /\.(\w+) /.exec(name)?.[1]);
    expect(
      Object.values(METHODS)
        .flat()
        .filter((event) => !events.includes(event)),
      kind,
    ).toEqual([]);
  }
});

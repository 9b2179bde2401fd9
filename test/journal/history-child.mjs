// Runs the history in a process of its own, on the built journal, or, given `open`, opens a journal and looks into it.
// On standard output: `ack <n>`, when call n has returned; at the end a line of JSON.
// Usage: node history-child.mjs <state directory> [tries] [open]

import { writeSync } from 'node:fs';
import { openJournal } from '../../dist/journal/journal-file.js';
import { history, snapshot } from './history.mjs';

const [directory = '', tries = '1', what = 'history'] = process.argv.slice(2);

let faults = 0;
const lines = [];
const take = ({ err }, text) => lines.push(`${text} ${err?.message ?? ''}`);
const log = { info: take, warn: take, error: take };

/** Tries again as the agent does, and looks whether a call that failed has changed anything. */
function call(work, before) {
  for (let left = Number(tries); ; left -= 1) {
    try {
      return work();
    } catch (error) {
      if (error.code !== 'JOURNAL_UNAVAILABLE') throw error;
      if (before !== undefined && snapshot(journal) !== before) throw new Error('a failed call has changed something');
      if (left <= 1) throw error;
      faults += 1;
    }
  }
}

const journal = openJournal(directory, { log, onUnavailable: () => 0 });
const state = call(() => snapshot(journal));
if (what === 'history') {
  for (const [index, run] of history().entries()) {
    const before = snapshot(journal);
    call(() => run(journal), before);
    writeSync(1, `ack ${index}\n`);
  }
}
journal.close();
writeSync(1, `${JSON.stringify({ faults, lines, state })}\n`);

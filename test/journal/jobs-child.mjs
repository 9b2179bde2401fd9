// Runs jobs through the built journal in a process of its own, for strace to look at: each of them five transactions.
// Usage: node jobs-child.mjs <state directory> <jobs>

import { openJournal } from '../../dist/journal/journal-file.js';

const [directory = '', jobs = '1'] = process.argv.slice(2);
const document = { version: '1.0', steps: [{ action: { name: 'a', type: 'runCommand', input: { command: 'true' } } }] };

const journal = openJournal(directory);
for (let index = 0; index < Number(jobs); index += 1) {
  const key = { jobId: `job-${index}`, executionNumber: 1, queuedAt: index };
  journal.recordOne({ ...key, status: 'QUEUED' }, index);
  journal.claim(key, { document, handler: 'runCommand' });
  journal.step(key, { type: 'start', elapsedMs: 1, afterInterruption: false });
  journal.finish(key, { status: 'SUCCEEDED', statusDetails: { reason: '1 of 1 steps succeeded' } });
  journal.settle(key);
}
journal.close();

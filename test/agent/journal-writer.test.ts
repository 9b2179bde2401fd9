import { expect, it } from 'vitest';
import { JournalWriter } from '../../src/agent/journal-writer.ts';
import { ThingAgentError } from '../../src/errors.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { silentLog } from '../support/silent-log.ts';

const unavailable = new ThingAgentError('JOURNAL_UNAVAILABLE', 'the disk is full', { retryable: true });

it('what has been done is on disk a minute after the disk has recovered at most, however long it had failed', async () => {
  const clock = new ManualClock();
  const cutOff = new AbortController();
  let isFull = true;
  let isWritten = false;
  const writer = new JournalWriter({ journal: {} as Journal, clock, log: silentLog, cutOff: cutOff.signal }, key);
  const writing = writer.persist(() => {
    if (isFull) throw unavailable;
    isWritten = true;
  });
  for (let minute = 0; minute < 120; minute += 1) await pass(clock, 60_000);
  isFull = false;
  await pass(clock, 60_000);
  expect(isWritten).toBe(true);
  await writing;
  expect(clock.waits).toBe(0);
});

const key = { jobId: 'job', executionNumber: 1 };

/** And lets what was waiting go on. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

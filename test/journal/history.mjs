// A series of calls of a journal, run in the test's process and in children: plain JavaScript, for an old Node, too.

const JOBS = 9;
/** Large, so that the log is folded in once or twice on the way. */
const DOCUMENT_BYTES = 36_000;

/** Each function is one transaction. What the journal holds after each is told by `snapshot`. */
export function history() {
  const calls = [];
  for (let index = 0; index < JOBS; index += 1) {
    const queuedAt = 1_000 + index;
    const key = { jobId: `job-${index}`, executionNumber: 1, queuedAt };
    const next = { jobId: `job-${index + 1}`, executionNumber: 1, queuedAt: queuedAt + 1, status: 'QUEUED' };
    const document = { job: index, text: 'x'.repeat(index % 2 === 0 ? DOCUMENT_BYTES : 100) };
    const elapsedMs = index * 10;
    calls.push(
      (journal) => journal.recordOne({ ...key, status: 'QUEUED' }, queuedAt),
      (journal) =>
        journal.recordList({
          timestamp: queuedAt + 1,
          executions: [{ ...key, status: 'QUEUED' }, next],
          complete: index % 3 === 0,
        }),
      (journal) => journal.claim(key, { document, handler: 'runCommand' }),
      (journal) => journal.step(key, { type: 'start', elapsedMs, afterInterruption: false }),
      (journal) => journal.saveProgress(key, { bytes: index }),
      (journal) =>
        journal.step(key, { type: 'finishStep', elapsedMs, details: { at: `${index}` }, ignoredFailure: false }),
      (journal) => journal.step(key, { type: 'start', elapsedMs, afterInterruption: true }),
    );
    if (index % 2 === 1) calls.push((journal) => journal.step(key, { type: 'stop', elapsedMs }));
    if (index % 4 === 3) continue;
    const result = { status: index % 3 === 1 ? 'FAILED' : 'SUCCEEDED', statusDetails: { reason: `end of ${index}` } };
    if (index % 3 === 2) calls.push((journal) => journal.conclude(key, result));
    calls.push((journal) => journal.finish(key, result));
    if (index % 4 !== 1) calls.push((journal) => journal.settle(key));
  }
  calls.push((journal) => journal.forget({ jobId: `job-${JOBS}`, executionNumber: 1 }));
  return calls;
}

export function snapshot(journal) {
  return JSON.stringify({ runnable: journal.runnable(), outbox: journal.outbox() });
}

// A real agent in a process of its own, whose journal strikes where it is told to (scenario.ts, Strike). Started with the
// directory of its lane (lane.ts), which holds what it must know and takes what it tells.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

const [, , directory, compileCache] = process.argv;
enableCompileCache(compileCache);
const { Agent } = await import('../../dist/agent/agent.js');
const { openJournal } = await import('../../dist/journal/journal-file.js');
// A killed process would leave no cache behind for the next.
if (!existsSync(join(compileCache, 'kept'))) {
  flushCompileCache?.();
  appendFileSync(join(compileCache, 'kept'), '');
}

const jobs = new Map();

/** What strikes a job, and what has struck it in earlier lives. */
function jobOf(jobId) {
  let job = jobs.get(jobId);
  if (job === undefined) {
    const trace = join(directory, `${jobId}.trace`);
    const lines = existsSync(trace) ? readFileSync(trace, 'utf8').split('\n').filter(Boolean) : [];
    job = { ...JSON.parse(readFileSync(join(directory, `${jobId}.json`), 'utf8')), trace, occurrences: new Map() };
    for (const line of lines) count(job, pointOf(line));
    jobs.set(jobId, job);
  }
  return job;
}

function pointOf(entry) {
  const [state, name = ''] = entry.split('!')[0].split('.');
  return state === 'cleaning' && name.includes('@') ? `cleanup ${name}` : name;
}

function count(job, point) {
  const occurrence = (job.occurrences.get(point) ?? 0) + 1;
  job.occurrences.set(point, occurrence);
  return occurrence;
}

/** Makes the write, unless a strike is due: then before it, after it, or instead of it. */
function strikeAt(jobId, entry, isTold, write, { onUnavailable, settle }) {
  const job = jobOf(jobId);
  const point = pointOf(entry);
  const occurrence = count(job, point);
  const due = job.strikes.find(
    (one) => one.point === point && occurrence >= one.occurrence && occurrence < one.occurrence + one.times,
  );
  const tell = (mark) => appendFileSync(job.trace, `${entry}${mark}\n`);
  if (job.hangMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, job.hangMs);
  if (due?.kind === 'impossible') {
    tell('!impossible');
    throw Object.assign(new Error('that cannot be'), { code: 'JOURNAL_STATE' });
  }
  if (due?.kind === 'error') {
    tell('!error');
    const error = new Error('the disk is full');
    onUnavailable(error);
    throw error;
  }
  if (due?.kind === 'before') {
    tell('!before');
    // Hangs for good; the lane sees it and kills what does not move any more.
    process.kill(process.pid, 'SIGSTOP');
  }
  const result = write();
  if (due?.kind === 'denied') settle();
  if (due?.kind === 'after' || due?.kind === 'denied') {
    tell(`!${due.kind}`);
    process.kill(process.pid, 'SIGKILL');
  }
  if (isTold) tell('');
  return result;
}

function stateOf(journal, key) {
  const isSame = (one) => one.jobId === key.jobId && one.executionNumber === key.executionNumber;
  return journal.find(key)?.state ?? (journal.outbox().some(isSame) ? 'finished' : 'settled');
}

function struckJournal(stateDirectory, options) {
  const journal = openJournal(stateDirectory, options);
  const { onUnavailable } = options;
  const strike = (jobId, entry, isTold, write) => {
    const settle = () => journal.settle({ jobId, executionNumber: 1 }, 'denied');
    return strikeAt(jobId, entry, isTold, write, { onUnavailable, settle });
  };
  const byKey =
    (event) =>
    (key, ...rest) =>
      strike(key.jobId, `${stateOf(journal, key)}.${event}`, true, () => journal[event](key, ...rest));
  const writes = {
    claim: byKey('claim'),
    conclude: byKey('conclude'),
    finish: byKey('finish'),
    settle: byKey('settle'),
    forget: byKey('forget'),
    reopen: byKey('reopen'),
    step: (key, event) => {
      const entry = `${stateOf(journal, key)}.${event.type}@${journal.find(key)?.step.index}`;
      return strike(key.jobId, entry, true, () => journal.step(key, event));
    },
    saveProgress: (key, value) => {
      return strike(key.jobId, `${stateOf(journal, key)}.saveProgress`, true, () => journal.saveProgress(key, value));
    },
    // These two come as the service's messages do, which is not for us to say: they are told where they are struck.
    recordList: (list) => {
      const write = () => journal.recordList(list);
      const [named] = list.executions;
      return named === undefined ? write() : strike(named.jobId, 'list.recordList', false, write);
    },
    recordOne: (execution, timestamp) => {
      return strike(execution.jobId, 'list.recordOne', false, () => journal.recordOne(execution, timestamp));
    },
  };
  return new Proxy(journal, {
    get: (_, name) => {
      const own = writes[name];
      if (own !== undefined) return own;
      const value = journal[name];
      return typeof value === 'function' ? value.bind(journal) : value;
    },
  });
}

const log = (level) => (fields, message) => {
  const shown = JSON.stringify({ level, message, ...fields }, (_, value) =>
    value instanceof Error ? value.message : value,
  );
  appendFileSync(join(directory, 'log'), `${process.pid} ${Math.round(performance.now())} ${shown}\n`);
};

const config = JSON.parse(readFileSync(join(directory, 'agent.json'), 'utf8'));
const agent = new Agent(
  config,
  { debug: () => undefined, info: log('info'), warn: log('warn'), error: log('error') },
  { openJournal: struckJournal },
);
process.once('SIGTERM', async () => {
  await agent.stop();
  process.exit(0);
});
await agent.start();

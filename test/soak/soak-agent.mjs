import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../../dist/agent/agent.js';
import { validateConfig } from '../../dist/config/validate.js';
import { CONNECT_TIMEOUT_MS } from '../../dist/connection/attempt.js';
import { OPERATION_DEADLINE_MS } from '../../dist/jobs/mqtt-jobs-client.js';
import { systemClock } from '../../dist/system/clock.js';

// The agent of the soak, in a process of its own, so that what is measured is its own. Its steps are functions: a
// program for each would measure the kernel.

/** Milliseconds that a wait takes at most, but for deadlines: back-offs are there to spare the service. */
const LONGEST_WAIT_MS = 20;
const DEADLINES = new Set([CONNECT_TIMEOUT_MS, OPERATION_DEADLINE_MS]);

/** What a job of the soak comes to: so many steps, of which the last may fail, and progress from each. */
const planner = {
  plan: async (document) => {
    const { steps, fails, tells, saves, refused } = document;
    if (refused) return { kind: 'rejected', reason: 'the job is to be refused' };
    const step = (index) => ({
      name: `Step ${index + 1}`,
      ignoreFailure: false,
      onInterrupted: 'retry',
      timeoutSeconds: 60,
      run: async (context) => {
        context.output.write('stdout', Buffer.from(`line of ${context.job.jobId}\n`));
        if (tells) context.reportProgress({ step: String(index + 1) });
        if (saves) context.saveProgress({ index });
        // An end that comes later, as that of every real step does.
        await new Promise((resolve) => setImmediate(resolve));
        const details = { stdout: `step ${index + 1}` };
        if (fails && index === steps - 1) return { outcome: 'failed', reason: 'it is to fail', details };
        return { outcome: 'succeeded', details };
      },
    });
    const cleanup = tells ? [step(-1)] : [];
    return {
      kind: 'plan',
      plan: { handler: 'soak', steps: Array.from({ length: steps }, (_, i) => step(i)), cleanup },
    };
  },
};

/** Ends of executions since they were last told. */
let ended = 0;
const ENDS = new Set(['reported', 'the service has ended this execution already; its result stays in this log']);
const note = (_fields, text) => {
  if (!ENDS.has(text)) return;
  if (ended === 0) {
    setImmediate(() => {
      process.send({ ended });
      ended = 0;
    });
  }
  ended += 1;
};
const log = {
  debug: () => undefined,
  info: note,
  warn: note,
  error: (fields, text) => process.send({ error: `${fields.err?.code}: ${text}` }),
};

/** Files and directories below, and the bytes of the files. */
function contents(directory) {
  let inodes = 0;
  let bytes = 0;
  for (const name of readdirSync(directory, { recursive: true })) {
    const stats = lstatSync(join(directory, name));
    inodes += 1;
    if (stats.isFile()) bytes += stats.size;
  }
  return { inodes, bytes };
}

function reading(stateDirectory) {
  // Twice: what a finalizer lets go of in the first is garbage in the second.
  global.gc();
  global.gc();
  const { heapUsed, rss, external } = process.memoryUsage();
  const journal = ['', '-wal'].reduce(
    (sum, suffix) => sum + lstatSync(join(stateDirectory, `journal.sqlite${suffix}`)).size,
    0,
  );
  const descriptors = readdirSync('/proc/self/fd').length;
  return { heap: heapUsed + external, resident: rss, descriptors, journal, ...contents(stateDirectory) };
}

process.once('message', async (settings) => {
  const validated = validateConfig(settings, process.cwd());
  if (!validated.ok) throw new Error(validated.problems.join('\n'));
  const { config } = validated;
  const clock = {
    now: () => systemClock.now(),
    setTimer: (ms, onDue) => systemClock.setTimer(DEADLINES.has(ms) ? ms : Math.min(ms, LONGEST_WAIT_MS), onDue),
  };
  const agent = new Agent(config, log, { planner, clock });
  await agent.start();
  process.on('message', async (wanted) => {
    if (wanted === 'read') {
      // A turn of the loop later, what has ended is garbage.
      setTimeout(() => process.send({ reading: reading(config.stateDirectory) }), 100);
      return;
    }
    await agent.stop();
    process.disconnect();
  });
  process.send({ started: true });
});
process.once('disconnect', () => process.exit());

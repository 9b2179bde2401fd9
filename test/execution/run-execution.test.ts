import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { JournalWriter } from '../../src/agent/journal-writer.ts';
import type { Plan, Step } from '../../src/execution/plan.ts';
import { MOST_STOPS } from '../../src/execution/resumption.ts';
import { runExecution } from '../../src/execution/run-execution.ts';
import type { RunEnd } from '../../src/execution/run-options.ts';
import { MOST_REBOOTS } from '../../src/execution/run-step.ts';
import { STOP_NEWS_MS } from '../../src/execution/stop-news.ts';
import { StartsAgain } from '../../src/handlers/starts-again.ts';
import type { StepContext, StepResult } from '../../src/handlers/step.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/journal-file.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { silentLog } from '../support/silent-log.ts';

const key = { jobId: 'j', executionNumber: 1, queuedAt: 100 };
const ok: StepResult = { outcome: 'succeeded', details: {} };
const bad: StepResult = { outcome: 'failed', reason: 'exited with code 3', details: { exitCode: '3', stderr: 'no\n' } };

/** `jobs.stepTimeoutSeconds`. */
const DEVICE_LIMIT = 86_400;

type Work = (context: StepContext) => StepResult | Promise<StepResult>;

let directory: string;
let journal: Journal;
let clock: ManualClock;
let events: string[];
let notes: string[];
let bootId: string;
let stopping: AbortController;
let cutOff: AbortController;
let unwanted: AbortController;
/** What the host answers to a wish for a reboot: why it did not happen; undefined: it never answers. */
let rebootRefused: string | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'run-'));
  journal = openJournal(directory);
  journal.claim(key, { document: {}, handler: 'h' });
  clock = new ManualClock();
  events = [];
  notes = [];
  bootId = 'boot-1';
  rebootRefused = undefined;
  restart();
});

afterEach(() => {
  journal.close();
  rmSync(directory, { recursive: true });
});

/** As after an end of the process, whatever it was: only the journal is what it was. */
function restart(): void {
  journal.close();
  journal = openJournal(directory);
  stopping = new AbortController();
  cutOff = new AbortController();
  unwanted = new AbortController();
}

function step(name: string, work: Work | StepResult, changes: Partial<Step> = {}): Step {
  return {
    name,
    ignoreFailure: false,
    onInterrupted: 'retry',
    ...changes,
    run: async (context) => {
      events.push(`${name} ${context.attempt}`);
      return typeof work === 'function' ? work(context) : work;
    },
  };
}

/** A step amid which the agent ends without a word: it never returns. */
const never: Work = () => new Promise(() => undefined);

const untilAborted: Work = ({ signal }) =>
  new Promise((resolve) => {
    if (signal.aborted) resolve({ outcome: 'interrupted' });
    signal.addEventListener('abort', () => resolve({ outcome: 'interrupted' }));
  });

function run(steps: Step[], changes: Partial<Plan> = {}, maxInterruptions = 3): Promise<RunEnd> {
  const execution = journal.find(key);
  if (!execution) throw new Error('nothing to run');
  return runExecution({
    plan: { handler: 'h', steps, cleanup: [], ...changes },
    execution,
    job: { thingName: 't', jobId: 'j', executionNumber: 1, document: {} },
    writer: new JournalWriter({ journal, clock, log: silentLog, cutOff: cutOff.signal }, key),
    workspace: {
      scratchDirectory: directory,
      output: { write: () => undefined },
      note: (text) => void notes.push(text),
    },
    rebooter: {
      bootId: () => bootId,
      want: () => () => undefined,
      reboot: async (how, signal) => {
        events.push(how);
        if (rebootRefused !== undefined) return rebootRefused;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return undefined;
      },
    },
    clock,
    log: silentLog,
    maxInterruptions,
    stepTimeoutSeconds: DEVICE_LIMIT,
    stopping: stopping.signal,
    cutOff: cutOff.signal,
    unwanted: unwanted.signal,
    reportProgress: (details) => void events.push(`progress ${JSON.stringify(details)}`),
    stepStarts: () => undefined,
    noStepRuns: () => undefined,
    refreshDocument: async () => ({}),
  });
}

/** So many waits between two tries have begun. */
const waits = (count = 1) =>
  vi.waitFor(() => expect(notes.filter((note) => note.includes('tried again in'))).toHaveLength(count));

/** All has been done that waits for nothing. */
const untilIdle = () => new Promise((resolve) => setImmediate(resolve));

const state = () => journal.find(key)?.state;

describe('steps in order', () => {
  test('each is on disk before it acts and after it', async () => {
    const seen: unknown[] = [];
    const look = () => {
      const found = journal.find(key);
      seen.push([found?.state, found?.step.index, found?.step.attempts]);
      return ok;
    };
    expect(await run([step('A', look), step('B', look)])).toEqual({
      kind: 'finished',
      status: 'SUCCEEDED',
      statusDetails: { reason: '2 of 2 steps succeeded' },
    });
    expect(seen).toEqual([
      ['running', 0, 1],
      ['running', 1, 1],
    ]);
  });

  test('the first failure ends the plan, with the step and the true reason', async () => {
    expect(await run([step('A', ok), step('Install', bad), step('C', ok)])).toEqual({
      kind: 'finished',
      status: 'FAILED',
      statusDetails: { reason: 'step 2 "Install": exited with code 3', step: '2/3', exitCode: '3', stderr: 'no' },
    });
    expect(events).toEqual(['A 1', 'Install 1']);
  });

  test('a failure that is to be ignored is told and ends nothing, also after a restart', async () => {
    const steps = [step('A', bad, { ignoreFailure: true }), step('B', never)];
    void run(steps);
    await vi.waitFor(() => expect(events).toContain('B 1'));
    restart();
    expect(await run([step('A', ok), step('B', ok)])).toMatchObject({
      status: 'SUCCEEDED',
      statusDetails: { reason: '1 of 2 steps succeeded, 1 failed and was ignored' },
    });
  });

  test('a handler’s own reason stands as it is', async () => {
    const own: StepResult = { outcome: 'failed', reason: 'x', details: { reason: 'disk is full' } };
    expect(await run([step('A', own)])).toMatchObject({ statusDetails: { reason: 'disk is full' } });
  });

  test('details of all steps are told, those before a restart too', async () => {
    void run([step('A', { outcome: 'succeeded', details: { a: '1' } }), step('B', never)]);
    await vi.waitFor(() => expect(events).toContain('B 1'));
    restart();
    expect(await run([step('A', bad), step('B', { outcome: 'succeeded', details: { b: '2' } })])).toMatchObject({
      statusDetails: { a: '1', b: '2' },
    });
    expect(events).toEqual(['A 1', 'B 1', 'B 2']);
  });

  test('a step that rejects costs the job, not the agent', async () => {
    const broken = () => Promise.reject(new Error('a defect'));
    expect(await run([step('A', broken)])).toMatchObject({
      status: 'FAILED',
      statusDetails: { reason: 'step 1 "A": internal error: a defect' },
    });
  });

  test('what a step left behind can report no progress and save none', async () => {
    let left: StepContext | undefined;
    const leave: Work = (context) => {
      context.reportProgress({ percent: '50' });
      left = context;
      return ok;
    };
    await run([step('A', leave), step('B', ok)]);
    left?.reportProgress({ percent: '99' });
    left?.saveProgress('late');
    expect(events).toEqual(['A 1', 'progress {"percent":"50"}', 'B 1']);
    expect(journal.find(key)?.progress).toBeUndefined();
  });
});

describe('retries', () => {
  test('a failed step is tried again after its delay, as often as it says', async () => {
    const end = run([step('A', bad, { retry: { attempts: 2, delaySeconds: 10 } })]);
    for (const tries of [1, 2]) {
      await waits(tries);
      expect(events).toHaveLength(tries);
      clock.advance(9_999);
      expect(events).toHaveLength(tries);
      clock.advance(1);
    }
    expect(await end).toMatchObject({ status: 'FAILED' });
    expect(events).toEqual(['A 1', 'A 2', 'A 3']);
  });

  test('a success ends them, and a restart forgets none', async () => {
    const flaky = step('A', bad, { retry: { attempts: 1, delaySeconds: 10 } });
    void run([flaky]);
    await waits();
    restart();
    expect(await run([flaky])).toMatchObject({ status: 'FAILED' });
    expect(events).toEqual(['A 1', 'A 2']);
  });

  test('a wait ends with the document’s time, and no further try begins', async () => {
    const flaky = step('A', bad, { ignoreFailure: true, retry: { attempts: 1, delaySeconds: 7200 } });
    const end = run([flaky, step('B', ok)], { timeoutSeconds: 60 });
    await waits();
    clock.advance(60_000);
    expect(await end).toMatchObject({
      status: 'FAILED',
      statusDetails: { reason: 'step 1 "A": timed out: the document allows 60 s for all steps together' },
    });
    expect(events).toEqual(['A 1']);
  });

  test('a wait amid the cleanup does not: the document’s time is that of its steps', async () => {
    const flaky = step('T', bad, { retry: { attempts: 1, delaySeconds: 7200 } });
    const end = run([step('A', ok)], { timeoutSeconds: 60, cleanup: [flaky] });
    await waits();
    clock.advance(60_000);
    expect(clock.waits).toBe(1);
    clock.advance(7_140_000);
    await end;
    expect(events).toEqual(['A 1', 'T 1', 'T 2']);
  });

  test('a stop ends the wait', async () => {
    const end = run([step('A', bad, { retry: { attempts: 2, delaySeconds: 10 } })]);
    await waits();
    stopping.abort();
    expect(await end).toEqual({ kind: 'stopped' });
    expect(state()).toBe('claimed');
  });
});

describe('limits of time', () => {
  test('a step’s own ends it with that reason, and counts as a failure that may be retried', async () => {
    const end = run([step('A', untilAborted, { timeoutSeconds: 5, retry: { attempts: 1, delaySeconds: 0 } })]);
    for (const attempt of [1, 2]) {
      await vi.waitFor(() => expect(events).toContain(`A ${attempt}`));
      clock.advance(5_000);
      if (attempt === 1) await vi.waitFor(() => expect(clock.waits).toBe(1));
      if (attempt === 1) clock.advance(0);
    }
    expect(await end).toMatchObject({ statusDetails: { reason: 'step 1 "A": timed out after 5 s' } });
  });

  test.each([
    ['with a try left, and else not', { attempts: 1 }, {}, 5_000],
    ['but not when the document’s time is up', { attempts: 9 }, { timeoutSeconds: 8 }, 3_000],
  ])('the signal says that the step starts again %s', async (_when, { attempts }, limited, untilEnd) => {
    const reasons: unknown[] = [];
    const noting: Work = ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          resolve({ outcome: 'interrupted' });
        }),
      );
    const end = run([step('A', noting, { timeoutSeconds: 5, retry: { attempts, delaySeconds: 0 } })], limited);
    await vi.waitFor(() => expect(events).toContain('A 1'));
    clock.advance(5_000);
    await vi.waitFor(() => {
      clock.advance(0);
      expect(events).toContain('A 2');
    });
    clock.advance(untilEnd);
    expect(await end).toMatchObject({ status: 'FAILED' });
    expect(reasons.map((reason) => reason instanceof StartsAgain)).toEqual([true, false]);
  });

  test('the document’s counts all steps, those before a restart too, and no retry helps', async () => {
    const slow: Work = (context) => {
      clock.advance(6_000);
      return context.stepIndex === 0 ? ok : new Promise(() => undefined);
    };
    const limited = { timeoutSeconds: 10 };
    const steps = [
      step('A', slow),
      step('B', slow),
      step('C', untilAborted, { retry: { attempts: 5, delaySeconds: 0 } }),
    ];
    void run(steps, limited);
    await vi.waitFor(() => expect(events).toContain('B 1'));
    restart();
    const end = run([step('A', ok), step('B', untilAborted, { retry: { attempts: 5, delaySeconds: 0 } })], limited);
    await vi.waitFor(() => expect(events).toContain('B 2'));
    clock.advance(4_000);
    expect(await end).toMatchObject({
      statusDetails: { reason: 'step 2 "B": timed out: the document allows 10 s for all steps together' },
    });
  });

  test('the document’s is passed over by no step whose failure is to be ignored', async () => {
    const end = run([step('A', untilAborted, { ignoreFailure: true }), step('B', ok)], { timeoutSeconds: 10 });
    await vi.waitFor(() => expect(events).toContain('A 1'));
    clock.advance(10_000);
    expect(await end).toMatchObject({
      status: 'FAILED',
      statusDetails: { reason: expect.stringContaining('10 s for all') },
    });
    expect(events).toEqual(['A 1']);
  });

  test('a step that has none is held to the device’s, and so is one of the cleanup', async () => {
    const steps = [step('A', untilAborted, { ignoreFailure: true }), step('B', untilAborted)];
    const end = run(steps, { cleanup: [step('T', untilAborted)] });
    for (const event of ['A 1', 'B 1', 'T 1']) {
      await vi.waitFor(() => expect(events).toContain(event));
      clock.advance(DEVICE_LIMIT * 1000 - 1);
      expect(events.at(-1)).toBe(event);
      clock.advance(1);
    }
    expect(await end).toMatchObject({
      statusDetails: {
        reason: `step 2 "B": timed out after ${DEVICE_LIMIT} s (jobs.stepTimeoutSeconds)`,
        cleanup: expect.stringContaining(`timed out after ${DEVICE_LIMIT} s (jobs.stepTimeoutSeconds)`),
      },
    });
  });

  test('the device’s ends a step past a point of no return, and the cleanup of what nobody wants', async () => {
    const end = run([step('A', untilAborted, { pointOfNoReturn: true })], { cleanup: [step('T', untilAborted)] });
    await vi.waitFor(() => expect(events).toContain('A 1'));
    unwanted.abort();
    clock.advance(DEVICE_LIMIT * 1000);
    await vi.waitFor(() => expect(events).toContain('T 1'));
    clock.advance(DEVICE_LIMIT * 1000);
    expect(await end).toMatchObject({ kind: 'finished', status: 'FAILED' });
  });

  test('a step that ended well in the last moment has succeeded', async () => {
    const late: Work = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(ok)));
    const end = run([step('A', late, { timeoutSeconds: 5 })]);
    await vi.waitFor(() => expect(events).toContain('A 1'));
    clock.advance(5_000);
    expect(await end).toMatchObject({ status: 'SUCCEEDED' });
  });
});

describe('an end of the agent amid a step', () => {
  test('runs it again, and FAILS the job at the cap', async () => {
    for (const attempt of [1, 2, 3]) {
      void run([step('A', never)]);
      await vi.waitFor(() => expect(events).toContain(`A ${attempt}`));
      restart();
    }
    expect(await run([step('A', never)])).toMatchObject({
      status: 'FAILED',
      statusDetails: { reason: 'interrupted 3 times at step 1 "A"' },
    });
    expect(events).toEqual(['A 1', 'A 2', 'A 3']);
  });

  test('fails it or skips it, as its onInterrupted says', async () => {
    void run([step('A', never)]);
    await vi.waitFor(() => expect(events).toContain('A 1'));
    restart();
    void run([step('A', never, { onInterrupted: 'skip' }), step('B', never)]);
    await vi.waitFor(() => expect(events).toContain('B 1'));
    restart();
    expect(await run([step('A', ok), step('B', ok, { onInterrupted: 'fail' })])).toMatchObject({
      status: 'FAILED',
      statusDetails: { reason: 'interrupted at step 2 "B", and its onInterrupted is "fail"' },
    });
    expect(events).toEqual(['A 1', 'B 1']);
  });

  test('a skipped step is told', async () => {
    void run([step('A', never)]);
    await vi.waitFor(() => expect(events).toContain('A 1'));
    restart();
    expect(await run([step('A', ok, { onInterrupted: 'skip' }), step('B', ok)])).toMatchObject({
      statusDetails: { reason: '1 of 2 steps succeeded, 1 was interrupted and skipped' },
    });
  });

  test('a stop is no crash, but not for ever', async () => {
    for (let stop = 1; stop <= MOST_STOPS; stop += 1) {
      const end = run([step('A', untilAborted)]);
      await vi.waitFor(() => expect(events).toContain(`A ${stop}`));
      stopping.abort();
      cutOff.abort();
      expect(await end).toEqual({ kind: 'stopped' });
      expect(state()).toBe('stopped');
      restart();
    }
    expect(await run([step('A', ok)])).toMatchObject({
      statusDetails: { reason: `the agent was stopped ${MOST_STOPS} times at step 1 "A"` },
    });
  });

  describe('which ends the step’s program too, with a signal of its own,', () => {
    const killed: StepResult = { outcome: 'failed', reason: 'killed by SIGTERM', details: {}, killedBy: 'SIGTERM' };

    test.each([
      ['after the agent is told', true],
      ['a moment before', false],
    ])('has cut the step off, %s', async (_when, isTold) => {
      const end = run([
        step('A', () => {
          if (isTold) stopping.abort();
          return killed;
        }),
      ]);
      if (!isTold) {
        await untilIdle();
        clock.advance(STOP_NEWS_MS - 1);
        stopping.abort();
      }
      expect(await end).toEqual({ kind: 'stopped' });
      expect(state()).toBe('stopped');
      restart();
      expect(await run([step('A', ok)])).toMatchObject({ status: 'SUCCEEDED' });
    });

    test('is waited for only so long: what nobody stops has failed', async () => {
      const end = run([step('A', killed)]);
      await untilIdle();
      clock.advance(STOP_NEWS_MS);
      expect(await end).toMatchObject({ statusDetails: { reason: 'step 1 "A": killed by SIGTERM' } });
    });

    test('makes no other failure an interruption', async () => {
      const end = run([
        step('A', () => {
          stopping.abort();
          return bad;
        }),
      ]);
      expect(await end).toMatchObject({ statusDetails: { reason: 'step 1 "A": exited with code 3' } });
    });
  });

  test('that stopped it, where its failure is to be ignored, lets the next step run', async () => {
    const end = run([step('A', untilAborted)]);
    await vi.waitFor(() => expect(events).toContain('A 1'));
    stopping.abort();
    cutOff.abort();
    await end;
    restart();
    const ignored = step('A', bad, { onInterrupted: 'fail', ignoreFailure: true });
    expect(await run([ignored, step('B', ok)])).toMatchObject({ status: 'SUCCEEDED' });
    expect(events).toEqual(['A 1', 'B 1']);
  });

  test('what the step saved is there at its next start, and gone at the next step', async () => {
    const seen: unknown[] = [];
    const save: Work = (context) => {
      seen.push(context.lastProgress);
      context.saveProgress({ bytes: 7 });
      return new Promise(() => undefined);
    };
    void run([step('A', save)]);
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    restart();
    const see: Work = (context) => {
      seen.push(context.lastProgress);
      return ok;
    };
    await run([step('A', see), step('B', see)]);
    expect(seen).toEqual([undefined, { bytes: 7 }, undefined]);
  });

  test('what a step saved in an earlier run is not there for the cleanup', async () => {
    const save: Work = (context) => {
      context.saveProgress({ bytes: 7 });
      return new Promise(() => undefined);
    };
    void run([step('A', save)]);
    await vi.waitFor(() => expect(journal.find(key)?.progress).toEqual({ bytes: 7 }));
    restart();
    const seen: unknown[] = [];
    const see: Work = ({ lastProgress }) => {
      seen.push(lastProgress);
      return ok;
    };
    await run([step('A', see)], { cleanup: [step('T', see)] });
    expect(seen).toEqual([{ bytes: 7 }, undefined]);
  });

  test('a stop between two steps leaves the rest for later', async () => {
    const stop: Work = () => {
      stopping.abort();
      return ok;
    };
    expect(await run([step('A', stop), step('B', ok)])).toEqual({ kind: 'stopped' });
    restart();
    expect(await run([step('A', bad), step('B', ok)])).toMatchObject({ status: 'SUCCEEDED' });
    expect(events).toEqual(['A 1', 'B 1']);
  });
});

test('a step that asks to be run again later is, and its attempts count', async () => {
  const busy: StepResult = { outcome: 'deferred', reason: 'exited with code 21' };
  expect(await run([step('A', busy)])).toEqual({ kind: 'deferred', reason: 'step 1 "A": exited with code 21' });
  expect(state()).toBe('waiting');
  restart();
  expect(await run([step('A', ok)])).toMatchObject({ status: 'SUCCEEDED' });
  expect(events).toEqual(['A 1', 'A 2']);
});

describe('a reboot', () => {
  const rebooting = step('R', (context) => (context.rebooted ? ok : { outcome: 'reboot' }));

  /** Runs until the host was asked, then the agent is stopped by it. */
  async function untilAsked(steps: Step[], times = 1): Promise<void> {
    const end = run(steps);
    await vi.waitFor(() => expect(events.filter((event) => event === 'reboot')).toHaveLength(times));
    stopping.abort();
    expect(await end).toEqual({ kind: 'stopped' });
    expect(state()).toBe('rebooting');
    restart();
  }

  test('is done when the boot id has changed: the step runs again and is told', async () => {
    await untilAsked([rebooting, step('B', ok)]);
    bootId = 'boot-2';
    expect(await run([rebooting, step('B', ok)])).toMatchObject({ status: 'SUCCEEDED' });
    expect(events).toEqual(['R 1', 'reboot', 'R 2', 'B 1']);
  });

  test('is not done by a restart of the agent: it is asked for again, not for ever', async () => {
    for (let times = 1; times <= MOST_REBOOTS; times += 1) await untilAsked([rebooting], times);
    expect(await run([rebooting])).toMatchObject({
      status: 'FAILED',
      statusDetails: {
        reason: `step 1 "R": the device did not start anew, though asked ${MOST_REBOOTS} times (the boot id is the same)`,
      },
    });
    expect(events.filter((event) => event === 'reboot')).toHaveLength(MOST_REBOOTS);
  });

  test('that is refused, where that is to be ignored, lets the next step run', async () => {
    rebootRefused = 'not now';
    expect(await run([step('R', rebooting.run, { ignoreFailure: true }), step('B', ok)])).toMatchObject({
      status: 'SUCCEEDED',
      statusDetails: { reason: '1 of 2 steps succeeded, 1 failed and was ignored' },
    });
  });

  test('twice in a row is two reboots', async () => {
    const steps = [step('R', rebooting.run), step('S', rebooting.run)];
    await untilAsked(steps);
    bootId = 'boot-2';
    await untilAsked(steps, 2);
    bootId = 'boot-3';
    expect(await run(steps)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('is known after a crash of the step that followed it', async () => {
    await untilAsked([rebooting]);
    bootId = 'boot-2';
    void run([step('R', never)]);
    await vi.waitFor(() => expect(events).toContain('R 2'));
    restart();
    expect(await run([rebooting])).toMatchObject({ status: 'SUCCEEDED' });
    expect(events.filter((event) => event === 'reboot')).toHaveLength(1);
  });

  test('that a step asks for each time ends at the cap', async () => {
    const always = step('R', { outcome: 'reboot' });
    for (let times = 1; times <= MOST_REBOOTS; times += 1) {
      await untilAsked([always], times);
      bootId = `boot-${times + 1}`;
    }
    expect(await run([always])).toMatchObject({
      statusDetails: { reason: `step 1 "R": asked for a reboot once more after ${MOST_REBOOTS}` },
    });
  });
});

describe('cleanup', () => {
  const tidy = [step('Tidy', (context) => ({ outcome: 'succeeded', details: { n: String(context.stepIndex) } }))];

  test('runs after success, failure and the time limit, and changes no outcome', async () => {
    expect(await run([step('A', bad)], { cleanup: [step('T', bad), step('U', ok)] })).toEqual({
      kind: 'finished',
      status: 'FAILED',
      statusDetails: {
        reason: 'step 1 "A": exited with code 3',
        cleanup: '1 of 2 cleanup steps failed: cleanup step 1 "T": exited with code 3',
        exitCode: '3',
        stderr: 'no',
      },
    });
    expect(events).toEqual(['A 1', 'T 1', 'U 1']);
  });

  test('goes on after a crash where it was, and the steps are over for good', async () => {
    void run([step('A', ok)], { cleanup: [step('T', ok), step('U', never)] });
    await vi.waitFor(() => expect(events).toContain('U 1'));
    restart();
    expect(await run([step('A', bad)], { cleanup: [step('T', bad), step('U', ok)] })).toEqual({
      kind: 'finished',
      status: 'SUCCEEDED',
      statusDetails: { reason: '1 of 1 steps succeeded' },
    });
    expect(events).toEqual(['A 1', 'T 1', 'U 1', 'U 2']);
  });

  test('runs when the service no longer wants the execution, and nothing is reported', async () => {
    const end = run([step('A', untilAborted), step('B', ok)], { cleanup: tidy });
    await vi.waitFor(() => expect(events).toContain('A 1'));
    unwanted.abort();
    expect(await end).toEqual({ kind: 'unwanted' });
    expect(events).toEqual(['A 1', 'Tidy 1']);
  });

  test('waits for the plan’s own end once a point of no return has been passed', async () => {
    const steps = [step('A', ok, { pointOfNoReturn: true }), step('B', untilAborted), step('C', ok)];
    const end = run(steps, { cleanup: tidy });
    await vi.waitFor(() => expect(events).toContain('B 1'));
    unwanted.abort();
    await untilIdle();
    expect(events).toEqual(['A 1', 'B 1']);
    cutOff.abort();
    stopping.abort();
    expect(await end).toEqual({ kind: 'stopped' });
    restart();
    unwanted.abort();
    expect(
      await run([step('A', bad, { pointOfNoReturn: true }), step('B', ok), step('C', ok)], { cleanup: tidy }),
    ).toMatchObject({ kind: 'finished', status: 'SUCCEEDED' });
  });

  test('for an unwanted execution goes on after a crash too', async () => {
    const end = run([step('A', untilAborted)], { cleanup: [step('T', never)] });
    await vi.waitFor(() => expect(events).toContain('A 1'));
    unwanted.abort();
    await vi.waitFor(() => expect(events).toContain('T 1'));
    restart();
    expect(await run([step('A', ok)], { cleanup: tidy })).toEqual({ kind: 'unwanted' });
    expect(events).toEqual(['A 1', 'T 1', 'Tidy 2']);
    void end;
  });

  test('is not interrupted by a stop, nor by an end of the agent between two tries', async () => {
    const cleanup = [
      step('T', untilAborted),
      step('U', bad, { retry: { attempts: 1, delaySeconds: 10 }, onInterrupted: 'skip' }),
    ];
    const end = run([step('A', ok)], { cleanup }, 1);
    await vi.waitFor(() => expect(events).toContain('T 1'));
    stopping.abort();
    cutOff.abort();
    expect(await end).toEqual({ kind: 'stopped' });
    restart();
    void run([step('A', bad)], { cleanup: [step('T', ok), ...cleanup.slice(1)] }, 1);
    await waits();
    restart();
    expect(await run([step('A', bad)], { cleanup: [step('T', bad), step('U', ok)] }, 1)).toMatchObject({
      status: 'SUCCEEDED',
      statusDetails: { reason: '1 of 1 steps succeeded' },
    });
    expect(events).toEqual(['A 1', 'T 1', 'T 2', 'U 1', 'U 2']);
  });

  test('that was stopped heeds its onInterrupted', async () => {
    const end = run([step('A', ok)], { cleanup: [step('T', untilAborted)] });
    await vi.waitFor(() => expect(events).toContain('T 1'));
    stopping.abort();
    cutOff.abort();
    await end;
    restart();
    await run([step('A', bad)], { cleanup: [step('T', bad, { onInterrupted: 'skip' }), step('U', ok)] });
    expect(events).toEqual(['A 1', 'T 1', 'U 1']);
  });

  test('asks for nothing that it cannot have', async () => {
    const cleanup = [step('T', { outcome: 'reboot' }), step('U', { outcome: 'deferred', reason: 'busy' })];
    expect(await run([step('A', ok)], { cleanup })).toMatchObject({
      statusDetails: { cleanup: expect.stringMatching(/^2 of 2 cleanup steps failed: .*asked to run again later/) },
    });
  });
});

test('what becomes of a step is in the execution’s own log', async () => {
  await run([step('A', bad, { ignoreFailure: true }), step('B', ok)]);
  expect(notes).toEqual([
    'step 1 "A": started (attempt 1)',
    'failed: step 1 "A": exited with code 3',
    'step 2 "B": started (attempt 1)',
    'step 2 "B": succeeded',
  ]);
});

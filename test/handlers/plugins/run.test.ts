import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Plugin } from '../../../src/handlers/plugins/plugin.ts';
import type { StepResult } from '../../../src/handlers/step.ts';
import type { LedgerEntry } from '../../../src/system/process-ledger.ts';
import { PluginLab, type TestRun } from '../../support/plugin-lab.ts';

const ROOT = join(import.meta.dirname, '../../..');
let lab: PluginLab;
beforeEach(() => {
  lab = new PluginLab();
});
afterEach(() => lab.close());

/** Runs the body of `run(context)` in a real process. */
async function runBody(body: string, run: TestRun = lab.run()): Promise<StepResult> {
  return (await lab.withRun(body)).run(run.context);
}

/** Aborts once the plug-in has reported something; quick to TERM and KILL unless said otherwise. */
async function abortOnceReady(body: string, graces: object = { stopGraceMs: 50, killGraceMs: 50 }) {
  const run = lab.run();
  const plugin = await lab.withRun(body, graces);
  const ending = plugin.run(run.context);
  await vi.waitFor(() => expect(run.progress).toHaveLength(1), { timeout: 20_000, interval: 10 });
  run.abort.abort();
  return ending;
}

/** One that has ended and waits for its parent (Z of proc(5)) does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a result', () => {
  test.each<[string, string, unknown]>([
    ['nothing', '', { outcome: 'succeeded', details: {} }],
    ['SUCCEEDED', "return { status: 'SUCCEEDED' }", { outcome: 'succeeded', details: {} }],
    [
      'details, numbers among them',
      "return { status: 'SUCCEEDED', statusDetails: { a: 'x', n: 3, yes: true } }",
      { outcome: 'succeeded', details: { a: 'x', n: '3', yes: 'true' } },
    ],
    [
      'FAILED with a reason of its own',
      "return { status: 'FAILED', statusDetails: { reason: 'no space' } }",
      { outcome: 'failed', reason: 'no space', details: { reason: 'no space' } },
    ],
    ['FAILED', "return { status: 'FAILED' }", { outcome: 'failed', reason: 'it reported FAILED', details: {} }],
    ['LATER', "return { status: 'LATER', reason: 'on battery' }", { outcome: 'deferred', reason: 'on battery' }],
    ['REBOOT', "return { status: 'REBOOT' }", { outcome: 'reboot' }],
    ['a throw', "throw new Error('disk full')", { outcome: 'failed', reason: 'disk full', details: {} }],
    ['a thrown text', "throw 'oh'", { outcome: 'failed', reason: 'oh', details: {} }],
    [
      'a thrown object that cannot be shown',
      'throw Object.create(null)',
      { outcome: 'failed', reason: 'it threw something that cannot be shown', details: {} },
    ],
    [
      'another status',
      "return { status: 'DONE' }",
      {
        outcome: 'failed',
        reason: 'it returned an invalid result: status: expected SUCCEEDED, FAILED, LATER or REBOOT, got "DONE"',
        details: {},
      },
    ],
    [
      'garbage',
      'return 42',
      {
        outcome: 'failed',
        reason: 'it returned an invalid result: expected nothing or { status, statusDetails }, got 42',
        details: {},
      },
    ],
    [
      'details that are no texts',
      "return { status: 'SUCCEEDED', statusDetails: { a: {} } }",
      {
        outcome: 'failed',
        reason: 'it returned an invalid result: statusDetails: expected an object of texts, numbers and booleans',
        details: {},
      },
    ],
  ])('of %s is what it says', async (_title, body, expected) => {
    expect(await runBody(body)).toEqual(expected);
  });

  test('ends the process: what was left to do is not done, a late rejection changes nothing', async () => {
    const body = `
      setTimeout(() => Promise.reject(new Error('late')), 20);
      setInterval(() => undefined, 1000);
      context.reportProgress({ pid: process.pid });
      return { status: 'SUCCEEDED' };`;
    const run = lab.run();
    expect(await runBody(body, run)).toEqual({ outcome: 'succeeded', details: {} });
    expect(isRunning(Number(run.progress[0]?.['pid']))).toBe(false);
  });

  test('of any size costs the agent no more than a few kilobytes', async () => {
    const body = `return { status: 'FAILED', statusDetails: { reason: 'a'.repeat(5e6), stderr: 'b'.repeat(5e6) + 'end' } }`;
    const result = await runBody(body);
    expect(JSON.stringify(result).length).toBeLessThan(20_000);
    expect(result).toMatchObject({ outcome: 'failed', details: { stderr: expect.stringMatching(/bbbend$/) } });
  });
});

describe('a process that ends before its result', () => {
  test.each([
    ['process.exit(0)', 'its process exited with code 0 before it gave a result', { exitCode: '0' }],
    ['process.exit(3)', 'its process exited with code 3 before it gave a result', { exitCode: '3' }],
    ...['SIGKILL', 'SIGSEGV', 'SIGTERM', 'SIGABRT'].map((signal): [string, string, object] => [
      `process.kill(process.pid, '${signal}'); await new Promise(() => undefined)`,
      `its process was killed by ${signal}`,
      { signal },
    ]),
  ])('by %s fails its job and says how', async (body, reason, details) => {
    // By TERM and KILL whoever ends the agent may have ended it.
    const killedBy = ['SIGTERM', 'SIGKILL'].find((signal) => reason.endsWith(signal));
    expect(await runBody(body)).toEqual({ outcome: 'failed', reason, details, killedBy });
  });

  test('by an error that nobody caught, or a rejection that nobody handled, says which', async () => {
    const wait = 'await new Promise(() => undefined)';
    expect(await runBody(`setTimeout(() => { throw new Error('boom') }); ${wait}`)).toMatchObject({
      outcome: 'failed',
      reason: 'an error that nobody caught ended its process: boom',
      details: { stderr: expect.stringContaining('Error: boom\n    at ') },
    });
    expect(await runBody(`void Promise.reject(new Error('lost')); ${wait}`)).toMatchObject({
      reason: 'a rejected promise that nobody handled ended its process: lost',
    });
  });

  test('tells what it wrote on stderr last', async () => {
    expect(await runBody("console.error('the reason is this'); process.exit(1)")).toMatchObject({
      details: { exitCode: '1', stderr: 'the reason is this\n' },
    });
  });

  test('by taking more heap than it may fails its job, naming memory', async () => {
    const plugin = await lab.withRun('const kept = []; for (;;) kept.push({ n: Math.random() });', {
      memoryMegabytes: 24,
    });
    const reason = 'it took more memory than 24 MiB (handlers.pluginMemoryMegabytes)';
    expect(await plugin.run(lab.run().context)).toEqual({ outcome: 'failed', reason, details: {} });
  });

  test('by taking memory outside the heap is killed for it', async () => {
    const body = `
      const kept = [];
      const more = () => { kept.push(Buffer.alloc(4 * 1024 * 1024, 1)); setTimeout(more, 5); };
      more();
      await new Promise(() => undefined);`;
    const plugin = await lab.withRun(body, { memoryMegabytes: 24 });
    expect(await plugin.run(lab.run().context)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^it took more memory than 24 MiB/),
    });
  });
});

describe('after the abort', () => {
  const ready = 'context.reportProgress({ phase: "ready" });';
  const untilAbort = `await new Promise((resolve) => context.signal.addEventListener('abort', resolve));`;
  const patient = { stopGraceMs: 20_000, killGraceMs: 20_000 };

  test('a result counts', async () => {
    const body = `${ready} ${untilAbort} return { status: 'SUCCEEDED' }`;
    expect(await abortOnceReady(body, patient)).toEqual({ outcome: 'succeeded', details: {} });
  });

  test('heeding the signal is an interruption', async () => {
    const body = `${ready} ${untilAbort} context.signal.throwIfAborted()`;
    expect(await abortOnceReady(body, patient)).toEqual({ outcome: 'interrupted' });
  });

  test('an AbortError that nobody handled is one too', async () => {
    const body = `${ready} ${untilAbort} void Promise.reject(context.signal.reason); await new Promise(() => undefined)`;
    expect(await abortOnceReady(body, patient)).toEqual({ outcome: 'interrupted' });
  });

  test('another error is a failure', async () => {
    const body = `${ready} ${untilAbort} throw new Error('left the pump open')`;
    expect(await abortOnceReady(body, patient)).toMatchObject({ outcome: 'failed', reason: 'left the pump open' });
  });

  test('one that ignores the signal is ended, with what it has started', async () => {
    const body = `
      const { spawn } = await import('node:child_process');
      const { writeFileSync } = await import('node:fs');
      const child = spawn('/bin/sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done']);
      child.stdout.once('data', () => {
        writeFileSync('${lab.file('pid')}', String(child.pid));
        ${ready}
      });
      await new Promise(() => undefined);`;
    expect(await abortOnceReady(body)).toEqual({ outcome: 'interrupted' });
    await vi.waitFor(() => expect(isRunning(Number(lab.read('pid')))).toBe(false), { timeout: 20_000, interval: 20 });
  });

  test('what one that heeds it leaves behind has time to tidy up', async () => {
    const body = `
      const { spawn } = await import('node:child_process');
      const tidy = 'trap "sleep 0.5; echo tidied > ${lab.file('tidied')}; exit" TERM; echo ready; while :; do sleep 0.05; done';
      const child = spawn('/bin/sh', ['-c', tidy], { stdio: ['ignore', 'pipe', 'ignore'] });
      child.stdout.once('data', () => ${ready.replace(/;?$/, '')});
      ${untilAbort} throw context.signal.reason;`;
    // For each process whether all was tidied up when it was struck off: an agent that dies before leaves it to the next.
    const struck: boolean[][] = [];
    const open = (): LedgerEntry => {
      const its: boolean[] = [];
      struck.push(its);
      return { variables: {}, started: () => undefined, ended: () => void its.push(existsSync(lab.file('tidied'))) };
    };
    expect(await abortOnceReady(body, { ...patient, ledger: { open } })).toEqual({ outcome: 'interrupted' });
    expect(lab.read('tidied')).toBe('tidied\n');
    expect(struck.at(-1)).toEqual([true]);
  });

  test('one that catches TERM is killed', async () => {
    expect(
      await abortOnceReady(`process.on('SIGTERM', () => undefined); ${ready} await new Promise(() => undefined)`),
    ).toEqual({
      outcome: 'interrupted',
    });
  });

  test('one that blocks its event loop is ended, and the agent has heard nothing of it', async () => {
    const body = `${ready} await new Promise((resolve) => setTimeout(resolve, 50)); for (;;);`;
    expect(await abortOnceReady(body)).toEqual({ outcome: 'interrupted' });
  });

  test('one that is still being imported is ended too', async () => {
    const plugin = await lab.withRun(
      '',
      {},
      `
      import { existsSync } from 'node:fs';
      if (existsSync('${lab.file('hang')}')) for (;;);`,
    );
    lab.write('hang', '');
    const run = lab.run();
    const ending = plugin.run(run.context);
    setTimeout(() => run.abort.abort(), 100);
    expect(await ending).toEqual({ outcome: 'interrupted' });
  });

  test('that came first, nothing is run', async () => {
    const run = lab.run({ signal: AbortSignal.abort() });
    expect(await runBody(`${ready}`, run)).toEqual({ outcome: 'interrupted' });
    expect(run.progress).toEqual([]);
  });
});

describe('what a running plug-in says', () => {
  test('progress is saved when saveProgress resolves, and comes back in the next attempt', async () => {
    const body = `
      if (context.attempt === 1) {
        await context.saveProgress({ page: 1 });
        await context.saveProgress({ page: 2 });
        process.exit(1);
      }
      return { status: 'SUCCEEDED', statusDetails: { last: JSON.stringify(context.lastProgress) } };`;
    const plugin = await lab.withRun(body);
    const first = lab.run();
    await plugin.run(first.context);
    expect(first.saved).toEqual([{ page: 1 }, { page: 2 }]);
    const second = lab.run({ attempt: 2, lastProgress: first.saved.at(-1) });
    expect(await plugin.run(second.context)).toMatchObject({ details: { last: '{"page":2}' } });
  });

  test('progress that was saved and not waited for is on disk before the result', async () => {
    const run = lab.run();
    const body = "for (const n of [1, 2, 3]) void context.saveProgress(n); return { status: 'REBOOT' }";
    expect(await runBody(body, run)).toEqual({ outcome: 'reboot' });
    expect(run.saved.at(-1)).toBe(3);
  });

  test('progress that cannot be saved rejects: the disk’s fault, a value that is no JSON, one that is too long', async () => {
    const body = `
      const why = async (value) => context.saveProgress(value).then(() => 'saved', (error) => error.message);
      const ring = {}; ring.ring = ring;
      return { status: 'SUCCEEDED', statusDetails: {
        disk: await why(1), nothing: await why(undefined), ring: await why(ring), long: await why('x'.repeat(70000)),
      } };`;
    const saveProgress = (): never => {
      throw new Error('ENOSPC: no space left on device');
    };
    expect(await runBody(body, lab.run({ saveProgress }))).toMatchObject({
      details: {
        disk: 'saveProgress: ENOSPC: no space left on device',
        nothing: 'saveProgress: expected a JSON value, got undefined',
        ring: expect.stringMatching(/^saveProgress: expected a JSON value: Converting circular/),
        long: 'saveProgress: the value is 70002 bytes of JSON, more than 65536',
      },
    });
  });

  test('a flood of progress, saves and lines is thinned out before it reaches the agent', async () => {
    const body = `
      const saves = [];
      for (let n = 1; n <= 20000; n += 1) {
        context.reportProgress({ n });
        context.log.info({ n }, 'line');
        if (n % 20 === 0) saves.push(context.saveProgress(n));
      }
      await Promise.all(saves);`;
    const run = lab.run();
    expect(await runBody(body, run)).toMatchObject({ outcome: 'succeeded' });
    expect(run.progress.at(-1)).toEqual({ n: '20000' });
    expect(run.progress.length).toBeLessThan(200);
    expect(run.saved.at(-1)).toBe(20000);
    expect(run.saved.length).toBeLessThan(500);
    expect(run.log.length).toBeLessThan(5000);
    // Each line is there, or counted among those that are said to be left out.
    const leftOut = /^(\d+) lines of log were left out: more than 100 in a second$/;
    const lines = run.log.map(({ message }) => (message === 'line' ? 1 : Number(leftOut.exec(message)?.[1])));
    expect(lines.reduce((all, some) => all + some, 0)).toBe(20_000);
  });

  test('log lines come with their fields, errors among them', async () => {
    const body = `
      context.log.info({ file: '/x' }, 'written');
      context.log.warn({ err: new RangeError('off') }, 'odd');
      context.log.error('text alone');
      const ring = {}; ring.ring = ring;
      context.log.debug(ring, 'ring');`;
    const run = lab.run();
    await runBody(body, run);
    expect(run.log).toMatchObject([
      { level: 'info', fields: { file: '/x' }, message: 'written' },
      { level: 'warn', fields: { err: { type: 'RangeError', message: 'off' } }, message: 'odd' },
      { level: 'error', message: 'text alone' },
      { level: 'debug', message: 'ring' },
    ]);
  });

  test('10 MB on stdout are drained to the log', async () => {
    const run = lab.run();
    expect(await runBody("for (let n = 0; n < 100; n += 1) process.stdout.write('x'.repeat(1e5));", run)).toMatchObject(
      {
        outcome: 'succeeded',
      },
    );
    expect(run.output.stdout).toBe(10_000_000);
  });

  test('has no secrets in it by the time that others see it', async () => {
    const body = `
      const url = 'https://x.example/f?X-Amz-Signature=abcdef&a=1';
      context.reportProgress({ url });
      if (context.attempt === 2) throw new Error('cannot get ' + url);
      return { status: 'SUCCEEDED', statusDetails: { url, apiToken: 'hunter2' } };`;
    const plugin = await lab.withRun(body);
    const run = lab.run();
    const url = 'https://x.example/f?X-Amz-Signature=[redacted]&a=1';
    expect(await plugin.run(run.context)).toMatchObject({ details: { url, apiToken: '[redacted]' } });
    expect(run.progress).toEqual([{ url }]);
    expect(await plugin.run(lab.run({ attempt: 2 }).context)).toMatchObject({ reason: `cannot get ${url}` });
  });

  test('through a channel of its own making is heard by nobody: its job has the result that it returned', async () => {
    const body = `
      process.send?.({ type: 'result', result: { outcome: 'succeeded', details: {} } });
      return { status: 'FAILED', statusDetails: { reason: 'true', send: typeof process.send } };`;
    expect(await runBody(body)).toMatchObject({ outcome: 'failed', details: { send: 'undefined' } });
  });
});

describe('what a plug-in is given', () => {
  test('is a clean environment, nothing on stdin, a directory of its own, and no flags of the agent', async () => {
    process.env['AGENT_SECRET'] = 'hunter2';
    try {
      const body = `
        const { readFileSync } = await import('node:fs');
        return { status: 'SUCCEEDED', statusDetails: {
          env: Object.keys(process.env).sort().join(), stdin: readFileSync(0).length,
          scratch: context.scratchDirectory, flags: process.execArgv.join(), rebooted: context.rebooted,
          oom: readFileSync('/proc/self/oom_score_adj', 'utf8').trim(),
        } };`;
      const run = lab.run({ rebooted: true });
      const result = await runBody(body, run);
      expect(result).toMatchObject({
        details: {
          stdin: '0',
          scratch: run.context.scratchDirectory,
          flags: '--max-old-space-size=64',
          rebooted: 'true',
          oom: '500',
        },
      });
      const details = result.outcome === 'succeeded' ? result.details : {};
      expect(details['env']).toContain('PATH');
      expect(details['env']).not.toContain('AGENT_SECRET');
    } finally {
      delete process.env['AGENT_SECRET'];
    }
  });

  test('is a process for each job: two run at once, and one that dies takes nothing of the other', async () => {
    const body = `
      context.reportProgress({ pid: process.pid });
      const { existsSync } = await import('node:fs');
      while (!existsSync(context.job.document.go)) await new Promise((resolve) => setTimeout(resolve, 10));
      if (context.job.document.die) process.exit(9);
      return { status: 'SUCCEEDED' };`;
    const plugin: Plugin = await lab.withRun(body);
    const job = { thingName: 't', jobId: 'j', executionNumber: 1 };
    const go = lab.file('go');
    const runs = [
      lab.run({ job: { ...job, document: { go, die: true } } }),
      lab.run({ job: { ...job, document: { go, die: false } } }),
    ];
    const endings = runs.map((run) => plugin.run(run.context));
    await vi.waitFor(() => expect(runs.every((run) => run.progress.length === 1)).toBe(true), { timeout: 20_000 });
    expect(runs[0]?.progress[0]?.['pid']).not.toBe(runs[1]?.progress[0]?.['pid']);
    lab.write('go', '');
    expect(await Promise.all(endings)).toMatchObject([
      { outcome: 'failed', reason: 'its process exited with code 9 before it gave a result' },
      { outcome: 'succeeded' },
    ]);
  });

  test('is ended when the agent ends all at once', async () => {
    const run = lab.run();
    const plugin = await lab.withRun(
      'context.reportProgress({ pid: process.pid }); await new Promise(() => undefined)',
    );
    const ending = plugin.run(run.context);
    await vi.waitFor(() => expect(run.progress).toHaveLength(1), { timeout: 20_000, interval: 10 });
    plugin.end();
    expect(await ending).toMatchObject({ outcome: 'failed', reason: 'its process was killed by SIGKILL' });
    expect(isRunning(Number(run.progress[0]?.['pid']))).toBe(false);
  });

  test('ends with the agent that was killed', async () => {
    const body =
      'context.reportProgress({ pid: process.pid }); await new Promise(() => setInterval(() => undefined, 1000))';
    await lab.withRun(body);
    const context = {
      job: { thingName: 't', jobId: 'j', executionNumber: 1, document: {} },
      attempt: 1,
      rebooted: false,
    };
    const script = `
      import { Plugin } from ${JSON.stringify(join(ROOT, 'dist/handlers/plugins/plugin.js'))};
      await new Plugin('p', ${JSON.stringify(lab.file('plugin.mjs'))}, { memoryMegabytes: 64 }).run({
        ...${JSON.stringify(context)}, scratchDirectory: '/', signal: new AbortController().signal,
        reportProgress: ({ pid }) => console.log(pid),
      });`;
    const agent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = await once(agent.stdout, 'data');
    agent.kill('SIGKILL');
    await vi.waitFor(() => expect(isRunning(Number(pid))).toBe(false), { timeout: 20_000, interval: 20 });
  });
});

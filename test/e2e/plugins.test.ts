import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.start();
});
afterEach(() => lab.close());

/** A zombie that nobody reaps has no command line any more. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

/** Does what its document says, were it the worst. */
const RUDE = `
import { writeFileSync } from 'node:fs';
export default {
  name: 'rude',
  accepts: (document) => document.rude !== undefined,
  async run({ job, reportProgress }) {
    const { rude, pidFile } = job.document;
    if (rude === 'exit') process.exit(3);
    if (rude === 'leak') { const kept = []; for (;;) kept.push({ n: Math.random() }); }
    if (rude === 'block') { writeFileSync(pidFile, String(process.pid)); for (;;); }
  },
};`;

it('a plug-in that exits, leaks or blocks costs its own job only, and an agent that is told to stop ends it', async () => {
  const plugin = lab.file('rude.mjs');
  const pidFile = lab.file('pid');
  writeFileSync(plugin, RUDE, { mode: 0o644 });
  const agent = await lab.startReadyAgent({
    jobs: { concurrency: 2, stopGraceSeconds: 0 },
    handlers: { plugins: [plugin], pluginMemoryMegabytes: 24 },
  });
  await lab.createJob('blocks', { rude: 'block', pidFile });
  await lab.createJob('exits', { rude: 'exit' });
  await lab.createJob('leaks', { rude: 'leak' });
  await lab.createJob('works', commands(['true']));

  expect(await lab.outcome('exits')).toMatchObject({
    status: 'FAILED',
    details: { reason: 'step 1 "rude": its process exited with code 3 before it gave a result', exitCode: '3' },
  });
  expect(await lab.outcome('leaks')).toMatchObject({
    status: 'FAILED',
    details: { reason: 'step 1 "rude": it took more memory than 24 MiB (handlers.pluginMemoryMegabytes)' },
  });
  expect((await lab.outcome('works')).status).toBe('SUCCEEDED');

  await expect.poll(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8')).toMatch(/^\d+$/);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  expect(isRunning(pid)).toBe(true);
  expect(await agent.stop()).toBe(0);
  expect(isRunning(pid)).toBe(false);
  expect((await lab.execution('blocks')).status).toBe('IN_PROGRESS');
});

/** Goes on from what it saved in the attempt that was cut off. */
const PATIENT = `
export default {
  name: 'patient',
  accepts: (document) => document.patient !== undefined,
  async run({ attempt, lastProgress, saveProgress, reportProgress, scratchDirectory }) {
    const { existsSync, writeFileSync } = await import('node:fs');
    const note = scratchDirectory + '/note';
    if (attempt > 1) {
      const statusDetails = { attempt, last: JSON.stringify(lastProgress), note: existsSync(note) };
      return { status: 'SUCCEEDED', statusDetails };
    }
    writeFileSync(note, '');
    await saveProgress({ page: 7 });
    reportProgress({ pid: process.pid });
    await new Promise(() => undefined);
  },
};`;

it('what a plug-in has saved is there again after the agent was killed, and its process is not', async () => {
  const plugin = lab.file('patient.mjs');
  writeFileSync(plugin, PATIENT, { mode: 0o644 });
  const agent = await lab.startReadyAgent({ handlers: { plugins: [plugin] } });
  await lab.createJob('job', { patient: true });
  let pid = 0;
  await expect
    .poll(async () => {
      pid = Number((await lab.execution('job')).statusDetails?.detailsMap?.['pid'] ?? 0);
      return pid;
    })
    .toBeGreaterThan(0);
  await agent.stop('SIGKILL');
  await expect.poll(() => isRunning(pid)).toBe(false);

  lab.startAgent({ handlers: { plugins: [plugin] } });
  expect(await lab.outcome('job')).toMatchObject({
    status: 'SUCCEEDED',
    details: { attempt: '2', last: '{"page":7}', note: 'true' },
  });
});

/** Takes a document at first; asked again, it declines when it is told to answer. */
const FICKLE = `
import { existsSync, writeFileSync } from 'node:fs';
export default {
  name: 'fickle',
  async accepts({ begun, asked, answer }) {
    if (!existsSync(begun)) return true;
    writeFileSync(asked, '');
    while (!existsSync(answer)) await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  },
  async run({ job }) {
    writeFileSync(job.document.begun, '');
    await new Promise(() => undefined);
  },
};`;

it('what a plug-in says while the agent stops ends no job that has begun', async () => {
  const plugin = lab.file('fickle.mjs');
  writeFileSync(plugin, FICKLE, { mode: 0o644 });
  const files = { begun: lab.file('begun'), asked: lab.file('asked'), answer: lab.file('answer') };
  const settings = { handlers: { plugins: [plugin] }, jobs: { stopGraceSeconds: 10 } };
  const first = await lab.startReadyAgent(settings);
  await lab.createJob('job', files);
  const exists = (path: string) => expect.poll(() => existsSync(path)).toBe(true);
  await exists(files.begun);
  await first.stop('SIGKILL');

  const second = lab.startAgent(settings);
  await exists(files.asked);
  const stopped = second.stop();
  await second.message('stopping: no new job is taken');
  writeFileSync(files.answer, '');
  expect(await stopped).toBe(0);
  expect((await lab.execution('job')).status).toBe('IN_PROGRESS');

  lab.startAgent(settings);
  expect(await lab.outcome('job')).toMatchObject({
    status: 'FAILED',
    details: { reason: 'interrupted under the handler fickle: it no longer accepts the document' },
  });
});

/** Never says whether it takes a document of AWS's schema; takes all others. */
const DUMB = `
export default {
  name: 'dumb',
  async accepts(document) {
    for (;;) {
      if (document.version === undefined) return true;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  },
  run() {},
};`;

describe('a plug-in that cannot be asked', () => {
  it('because it does not answer costs other jobs some time, and none of them its run', async () => {
    const plugin = lab.file('dumb.mjs');
    writeFileSync(plugin, DUMB, { mode: 0o644 });
    const agent = await lab.startReadyAgent({ handlers: { plugins: [plugin] } });
    await lab.createJob('of-ours', commands(['true']));
    await lab.createJob('of-its', { dumb: true });
    expect(await lab.outcome('of-ours', 100_000)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await lab.outcome('of-its', 100_000)).toMatchObject({ status: 'SUCCEEDED' });
    const { faults } = await agent.message('a plug-in that cannot be asked counts as declined');
    expect(faults).toEqual(['plug-in "dumb" did not say within 10000 ms whether it accepts']);
  });

  it('because its file became writable by others, or is gone, costs its own jobs, which are told why', async () => {
    const plugin = lab.file('open.mjs');
    writeFileSync(plugin, 'export default { name: "open", accepts: (d) => d.open, run() {} };', { mode: 0o644 });
    const agent = await lab.startReadyAgent({ handlers: { plugins: [plugin] }, jobs: { stopGraceSeconds: 0 } });
    chmodSync(plugin, 0o664);
    await lab.createJob('of-ours', commands(lab.append('out', 'ran')));
    await lab.createJob('of-its', { open: true });
    expect((await lab.outcome('of-ours')).status).toBe('SUCCEEDED');
    expect(await lab.outcome('of-its')).toMatchObject({
      status: 'REJECTED',
      details: { reason: expect.stringMatching(/plug-in "open" cannot be asked: .* it is writable by its group/) },
    });
    rmSync(plugin);
    await lab.createJob('later', { open: true });
    expect(await lab.outcome('later')).toMatchObject({
      status: 'REJECTED',
      details: { reason: expect.stringMatching(/plug-in "open" cannot be asked: .*ENOENT/) },
    });
    expect(lab.lines('out')).toEqual(['ran']);
    expect(await agent.stop()).toBe(0);
  });
});

import { chmodSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PluginLab } from '../../support/plugin-lab.ts';

let lab: PluginLab;
beforeEach(() => {
  lab = new PluginLab();
});
afterEach(() => lab.close());

const UNANSWERED = { code: 'PLUGIN_UNANSWERED', retryable: true };
/** Accepts nothing, and says in which process. */
const TELLS_ITS_PID = `export default {
  name: 'p', accepts() { throw new Error(String(process.pid)) }, run({ reportProgress }) { reportProgress({ pid: process.pid }) },
};`;
/** A Standard Schema without a library: `{ n }` must be a number, and has 1 added. */
const SCHEMA = `{ '~standard': { version: 1, vendor: 'test', validate: async (value) =>
  typeof value?.n === 'number' ? { value: { n: value.n + 1 } }
    : { issues: [{ message: 'expected a number', path: ['n'] }, { message: 'too odd', path: ['list', { key: 2 }, 'x'] }] } } }`;

describe('a plug-in accepts a document', () => {
  test.each([
    ['true', { kind: 'accepted' }],
    ['Promise.resolve(true)', { kind: 'accepted' }],
    ['false', { kind: 'declined' }],
    ['"yes"', { kind: 'declined', why: 'accepts() gave "yes", not true or false' }],
    ['undefined', { kind: 'declined', why: 'accepts() gave undefined, not true or false' }],
    ['Promise.reject(new Error("no"))', { kind: 'declined', why: 'accepts() threw: no' }],
  ])('by a plain yes only: %s', async (answer, expected) => {
    const plugin = await lab.load(`export default { name: 'p', accepts: () => ${answer}, run() {} };`);
    expect(await plugin.accepts({ a: 1 })).toEqual(expected);
  });

  test('with a schema: what accepts() takes and the schema does not is invalid, every problem with its path', async () => {
    const plugin = await lab.load(`export default { name: 'p', accepts: (d) => d.mine, schema: ${SCHEMA}, run() {} };`);
    expect(await plugin.accepts({ mine: true, n: 1 })).toEqual({ kind: 'accepted' });
    expect(await plugin.accepts({ mine: false, n: 1 })).toEqual({ kind: 'declined' });
    expect(await plugin.accepts({ mine: true })).toEqual({
      kind: 'invalid',
      problems: ['n: expected a number', 'list[2].x: too odd'],
    });
  });

  test('with a schema alone: what it takes; others are for somebody else', async () => {
    const run = 'run: ({ job }) => ({ status: "SUCCEEDED", statusDetails: job.document })';
    const plugin = await lab.load(`export default { name: 'p', schema: ${SCHEMA}, ${run} };`);
    expect(await plugin.accepts({ n: 1 })).toEqual({ kind: 'accepted' });
    expect(await plugin.accepts('x')).toEqual({
      kind: 'declined',
      why: 'n: expected a number; list[2].x: too odd',
    });
    const job = { thingName: 't', jobId: 'j', executionNumber: 1 };
    const run1 = lab.run({ job: { ...job, document: { n: 1 } } });
    expect(await plugin.run(run1.context)).toEqual({ outcome: 'succeeded', details: { n: '2' } });
    const run2 = lab.run({ job: { ...job, document: {} } });
    expect(await plugin.run(run2.context)).toMatchObject({
      outcome: 'failed',
      reason: 'the document is not what it takes: n: expected a number; list[2].x: too odd',
    });
  });
});

describe('one that cannot be asked has not declined', () => {
  test.each([
    ['does not answer', 'new Promise(() => undefined)'],
    ['blocks its event loop', '{ for (;;); }'],
  ])('when it %s in time: its process is ended, and the next question has a new one', async (_title, answer) => {
    const source = `export default { name: 'p', accepts: (hang) => { if (!hang) return true; return ${answer} }, run() {} };`;
    const plugin = await lab.load(source.replace('return { for', '{ for'), { acceptDeadlineMs: 5_000 });
    const hung = plugin.accepts(true);
    const next = plugin.accepts(false);
    await expect(hung).rejects.toMatchObject(UNANSWERED);
    await expect(hung).rejects.toThrow('plug-in "p" did not say within 5000 ms whether it accepts');
    expect(await next).toEqual({ kind: 'accepted' });
  });

  test('when its process ends, and it says how', async () => {
    const plugin = await lab.load(
      'export default { name: "p", accepts() { console.error("no such pump"); process.exit(5) }, run() {} };',
    );
    await expect(plugin.accepts({})).rejects.toMatchObject(UNANSWERED);
    await expect(plugin.accepts({})).rejects.toThrow(
      'plug-in "p" cannot be asked: its process exited with code 5 before it gave a result (no such pump)',
    );
  });

  test('when its file has become unsafe, unreadable to Node, or another plug-in since the start', async () => {
    const plugin = await lab.load(TELLS_ITS_PID);
    chmodSync(plugin.path, 0o666);
    await expect(plugin.accepts({})).rejects.toMatchObject(UNANSWERED);
    await expect(plugin.accepts({})).rejects.toThrow(/not permitted: .* it is writable by everyone/);
    expect(await plugin.run(lab.run().context)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^not permitted: .* it is writable by everyone/),
    });
    chmodSync(plugin.path, 0o644);
    lab.write('plugin.mjs', 'export default {');
    await expect(plugin.accepts({})).rejects.toMatchObject(UNANSWERED);
    lab.write('plugin.mjs', TELLS_ITS_PID.replace("'p'", "'q'"));
    await expect(plugin.accepts({})).rejects.toThrow('its name was "p" when the agent started, and is "q" now');
    await expect(plugin.accepts({})).rejects.toMatchObject(UNANSWERED);
    rmSync(plugin.path);
    await expect(plugin.accepts({})).rejects.toThrow('ENOENT');
    await expect(plugin.accepts({})).rejects.toMatchObject(UNANSWERED);
  });
});

describe('the process that answers', () => {
  test('is kept for the next question and for the run, and a changed file has a new one', async () => {
    const plugin = await lab.load(TELLS_ITS_PID);
    const first = await plugin.accepts({});
    expect(await plugin.accepts({})).toEqual(first);
    const run = lab.run();
    await plugin.run(run.context);
    expect(first).toEqual({ kind: 'declined', why: `accepts() threw: ${run.progress[0]?.['pid']}` });
    const second = await plugin.accepts({});
    expect(second).not.toEqual(first);
    lab.write('plugin.mjs', `${TELLS_ITS_PID}\n// changed`);
    expect(await plugin.accepts({})).not.toEqual(second);
  });

  test('is ended when it has had nothing to do for a while', async () => {
    const plugin = await lab.load(TELLS_ITS_PID, { idleMs: 10 });
    const answer = await plugin.accepts({});
    const pid = Number(answer.kind === 'declined' && answer.why?.split(' ').at(-1));
    expect(pid).toBeGreaterThan(1);
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 20_000, interval: 20 });
  });
});

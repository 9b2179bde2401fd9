import { afterEach, beforeEach, expect, test } from 'vitest';
import { Plugin } from '../../../src/handlers/plugins/plugin.ts';
import { PluginLab } from '../../support/plugin-lab.ts';

let lab: PluginLab;
beforeEach(() => {
  lab = new PluginLab();
});
afterEach(() => lab.close());

/** A plug-in whose process says what it likes: `onRun` is what it does when it is told to run. */
function forged(onRun: string): Plugin {
  const hostFile = lab.write(
    'host.mjs',
    `process.on('message', (message) => { if (message.type === 'run') { ${onRun} } });
     process.on('disconnect', () => process.exit());
     process.send({ type: 'loaded', name: 'p' });`,
  );
  return new Plugin('p', lab.write('p.mjs', ''), { memoryMegabytes: 64, stopGraceMs: 500, killGraceMs: 50, hostFile });
}
const result = (value: unknown) => `process.send({ type: 'result', result: ${JSON.stringify(value)} });`;

test('what is no message of ours is left out, and the log counts it', async () => {
  const garbage = [
    1,
    'x',
    [],
    {},
    { type: 'nonsense' },
    { type: 'result' },
    { type: 'result', result: { outcome: 'won' } },
    { type: 'result', result: { outcome: 'failed', reason: 3, details: {} } },
    { type: 'progress', details: { a: 1 } },
    { type: 'save', id: 'x' },
    { type: 'log', level: 'constructor', fields: {}, message: 'x' },
    { type: 'loaded' },
    { type: 'answer', id: 1, acceptance: { kind: 'accepted' } },
  ];
  const run = lab.run();
  const plugin = forged(
    `for (const m of ${JSON.stringify(garbage)}) process.send(m); ${result({ outcome: 'succeeded', details: {} })} process.disconnect();`,
  );
  expect(await plugin.run(run.context)).toEqual({ outcome: 'succeeded', details: {} });
  expect(run.progress).toEqual([]);
  expect(run.saved).toEqual([]);
  expect(run.log).toMatchObject([{ level: 'warn', fields: { plugin: 'p', messages: 12 } }]);
});

test('the first result counts, and a process that does not end after it is killed', async () => {
  const plugin = forged(
    `${result({ outcome: 'failed', reason: 'first', details: {} })} ${result({ outcome: 'succeeded', details: {} })}`,
  );
  expect(await plugin.run(lab.run().context)).toEqual({ outcome: 'failed', reason: 'first', details: {} });
});

test('an interruption that nobody asked for is a failure', async () => {
  const plugin = forged(`${result({ outcome: 'interrupted' })} process.disconnect();`);
  expect(await plugin.run(lab.run().context)).toMatchObject({
    outcome: 'failed',
    reason: 'it said that it was interrupted, and was not',
  });
});

test('a process that closes its channel and goes on is ended by the abort', async () => {
  const run = lab.run();
  const plugin = forged(
    `process.send({ type: 'progress', details: {} }); process.removeAllListeners('disconnect'); process.disconnect(); setInterval(() => {}, 1000);`,
  );
  const context = { ...run.context, reportProgress: () => run.abort.abort() };
  expect(await plugin.run(context)).toEqual({ outcome: 'interrupted' });
});

test('what cannot be taken on our side costs this job, not the agent', async () => {
  const plugin = forged(`process.send({ type: 'progress', details: {} });`);
  const reportProgress = () => {
    throw new Error('a defect');
  };
  expect(await plugin.run(lab.run({ reportProgress }).context)).toMatchObject({
    outcome: 'failed',
    reason: 'internal error: a defect',
  });
});

test('a host that cannot be started is told', async () => {
  const plugin = new Plugin('p', lab.write('p.mjs', ''), { memoryMegabytes: 64, hostFile: lab.file('absent.mjs') });
  expect(await plugin.run(lab.run().context)).toMatchObject({
    outcome: 'failed',
    reason: 'its process exited with code 1 before it gave a result',
  });
});

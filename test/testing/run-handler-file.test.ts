import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runHandlerFile, runProgramHandler } from '../../src/testing/index.ts';
import { PluginLab } from '../support/plugin-lab.ts';

const ROOT = join(import.meta.dirname, '../..');
let lab: PluginLab;
beforeEach(() => {
  lab = new PluginLab();
});
afterEach(() => lab.close());

test('a plug-in is run in its own process, whatever the modes of its file', async () => {
  const path = lab.write(
    'p.mjs',
    `export default { name: 'p', accepts: (d) => d.mine === true, async run({ reportProgress, saveProgress, log }) {
      console.log('hello'); console.error('there');
      reportProgress({ n: 1 }); await saveProgress([1]); log.warn({ a: 1 }, 'careful');
      process.exit(7);
    } };`,
  );
  chmodSync(path, 0o666);
  expect(await runHandlerFile(path, { document: { mine: true } })).toEqual({
    status: 'FAILED',
    statusDetails: {
      reason: 'its process exited with code 7 before it gave a result',
      exitCode: '7',
      stderr: 'there',
    },
    progress: [{ n: '1' }],
    savedProgress: [1],
    log: [
      { level: 'info', fields: { plugin: 'p', path }, message: 'plug-in loaded' },
      { level: 'warn', fields: { a: 1 }, message: 'careful' },
    ],
    output: { stdout: 'hello\n', stderr: 'there\n' },
  });
  expect(await runHandlerFile(path, { document: {} })).toMatchObject({
    status: 'REJECTED',
    statusDetails: { reason: 'it declines this document' },
  });
});

test('its memory limit can be set', async () => {
  const path = lab.write(
    'p.mjs',
    `export default { name: 'p', accepts: () => true, run() { const kept = []; for (;;) kept.push({ n: Math.random() }) } };`,
  );
  expect(await runHandlerFile(path, { document: {}, memoryMegabytes: 24 })).toMatchObject({
    status: 'FAILED',
    statusDetails: { reason: expect.stringContaining('more memory than 24 MiB') },
  });
});

test('what is no plug-in is told', async () => {
  await expect(runHandlerFile(lab.write('p.mjs', ''), { document: {} })).rejects.toMatchObject({
    code: 'PLUGIN_INVALID',
  });
});

test('a program is given no variable that no document may set', async () => {
  const run = runProgramHandler('/bin/true', { environment: { LD_PRELOAD: '/tmp/x.so' } });
  await expect(run).rejects.toThrow(new TypeError('environment: a step may not set LD_PRELOAD'));
  expect(await runProgramHandler('/bin/true', { environment: { LANG: 'C' } })).toMatchObject({ status: 'SUCCEEDED' });
});

test('the package has it under thing-agent/testing', () => {
  const script = `console.log(Object.keys(await import('thing-agent/testing')).sort().join())`;
  const names = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: ROOT });
  expect(names.toString().trim().split(',')).toEqual(expect.arrayContaining(['runHandler', 'runHandlerFile']));
});

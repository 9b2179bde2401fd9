import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHealthCheck } from '../../../src/handlers/built-ins/health-check.ts';
import { BuiltInLab } from './built-in-lab.ts';

let lab: BuiltInLab;

beforeEach(async () => {
  lab = await BuiltInLab.create();
});
afterEach(() => lab.remove());

const healthCheck = (stateDirectory = lab.directory) =>
  createHealthCheck({ agentVersion: '1.2.3', stateDirectory, systemdDirectory: join(lab.directory, 'systemd') });

const number = expect.stringMatching(/^\d+$/);
const details = {
  agentVersion: '1.2.3',
  uptimeSeconds: number,
  load: expect.stringMatching(/^\d+\.\d\d \d+\.\d\d \d+\.\d\d$/),
  freeMegabytes: number,
  availableMemoryMegabytes: number,
};

test('without demands it tells how the device is, whatever arguments the script got', async () => {
  expect(await lab.run(healthCheck(), ['anything', '--at-all'])).toEqual({ outcome: 'succeeded', details });
  expect(await lab.calls()).toEqual([]);
});

test('demands that are met change nothing; each that is not is told with what was seen', async () => {
  const modest = { minimumFreeMegabytes: 0, minimumAvailableMemoryMegabytes: 1, maximumLoadPerProcessor: 1e6 };
  expect(await healthCheck().run(modest, lab.context())).toMatchObject({ outcome: 'succeeded' });
  const greedy = { minimumFreeMegabytes: 1e12, minimumAvailableMemoryMegabytes: 1e12 };
  expect(await healthCheck().run(greedy, lab.context())).toEqual({
    outcome: 'failed',
    reason: expect.stringMatching(
      /^\d+ MiB are free in \S+, expected at least 1000000000000; \d+ MiB of memory are available, expected at least 1000000000000$/,
    ),
    details,
  });
});

test('a state directory that cannot be examined is no health', async () => {
  expect(await healthCheck('/nowhere/at/all').run({}, lab.context())).toMatchObject({
    outcome: 'failed',
    reason: expect.stringContaining('the state directory cannot be examined: ENOENT'),
  });
});

test('services must be active: one that has done its work and ended is not', async () => {
  await mkdir(join(lab.directory, 'systemd'));
  await lab.tool('systemctl', 'for last; do :; done; while read -r line; do echo "$line"; done < $LAB/$last');
  const state = async (service: string, text: string) => {
    await writeFile(join(lab.directory, service), `${text}\n`);
  };
  await state('good', 'LoadState=loaded\nActiveState=active\nSubState=running');
  await state('once', 'LoadState=loaded\nActiveState=inactive\nSubState=dead\nType=oneshot\nResult=success');
  await state('none', 'LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success');
  expect(await healthCheck().run({ services: ['good'] }, lab.context())).toMatchObject({ outcome: 'succeeded' });
  expect(await healthCheck().run({ services: ['good', 'once', 'none'] }, lab.context())).toMatchObject({
    outcome: 'failed',
    reason: 'once is inactive (dead, success); none is not known to systemd',
  });
});

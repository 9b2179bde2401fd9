import { afterEach, beforeEach, expect, test } from 'vitest';
import { reboot, shutdown } from '../../../src/handlers/built-ins/power.ts';
import { BuiltInLab } from './built-in-lab.ts';

let lab: BuiltInLab;

beforeEach(async () => {
  lab = await BuiltInLab.create();
});
afterEach(() => lab.remove());

test('a reboot is asked for, and has succeeded when the device has started anew', async () => {
  expect(await lab.run(reboot, [])).toEqual({ outcome: 'reboot' });
  expect(await lab.run(reboot, [], { attempt: 2, rebooted: true })).toEqual({
    outcome: 'succeeded',
    details: { reboot: 'the device has started anew', uptimeSeconds: expect.stringMatching(/^\d+$/) },
  });
});

test('a restart of the agent is no reboot: the device is asked again', async () => {
  expect(await lab.run(reboot, [], { attempt: 2 })).toEqual({ outcome: 'reboot' });
  expect(await lab.run(shutdown, [], { attempt: 2 })).toEqual({ outcome: 'reboot', how: 'shutdown' });
});

test('the reboot of one job leaves nothing that the next could take for its own', async () => {
  await lab.run(reboot, [], { rebooted: true });
  expect(lab.saved).toEqual([]);
  expect(await lab.run(reboot, [])).toEqual({ outcome: 'reboot' });
});

test('a shutdown has succeeded when the device was switched on again', async () => {
  expect(await lab.run(shutdown, [])).toEqual({ outcome: 'reboot', how: 'shutdown' });
  expect(await lab.run(shutdown, [], { attempt: 2, rebooted: true })).toMatchObject({
    outcome: 'succeeded',
    details: { shutdown: 'the device was shut down and has started again' },
  });
});

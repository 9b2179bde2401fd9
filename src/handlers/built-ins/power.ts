import { uptime } from 'node:os';
import * as v from 'valibot';
import type { StepResult } from '../step.ts';
import { defineBuiltIn } from './built-in.ts';

const NoInput = v.object({}, 'expected an object');

/**
 * Starts the device anew. The agent runs the command (`reboot.command`) once the journal has the step's wish, and the
 * step succeeds only after the boot id has changed: no marker is left behind that a later job could find, and an agent
 * that was merely restarted has not rebooted anything.
 */
export const reboot = defineBuiltIn({
  action: 'reboot',
  script: 'reboot.sh',
  input: NoInput,
  fromArguments: () => ({}),
  async run(_input, { rebooted }): Promise<StepResult> {
    return rebooted ? started('reboot', 'the device has started anew') : { outcome: 'reboot' };
  },
});

/**
 * Powers the device off (`reboot.shutdownCommand`). Nothing is reported that has not happened: the execution stays
 * IN_PROGRESS while the device is off, and succeeds when it has been switched on again.
 */
export const shutdown = defineBuiltIn({
  action: 'shutdown',
  script: 'shutdown.sh',
  input: NoInput,
  fromArguments: () => ({}),
  async run(_input, { rebooted }): Promise<StepResult> {
    if (!rebooted) return { outcome: 'reboot', how: 'shutdown' };
    return started('shutdown', 'the device was shut down and has started again');
  },
});

function started(key: string, what: string): StepResult {
  return { outcome: 'succeeded', details: { [key]: what, uptimeSeconds: String(Math.floor(uptime())) } };
}

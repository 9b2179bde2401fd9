import { expect, test } from 'vitest';
import { type PlannedPlugin, pluginStep, pluginVerdict } from '../../src/execution/plugin-step.ts';
import type { Acceptance } from '../../src/handlers/contract.ts';
import type { Log } from '../../src/system/log.ts';
import { silentLog } from '../support/silent-log.ts';

const plugin = (name: string, accepts: (document: unknown) => Acceptance): PlannedPlugin => ({
  name,
  accepts: async (document) => accepts(document),
  run: async () => ({ outcome: 'succeeded', details: {} }),
});
const takes = (name: string, type: string) =>
  plugin(name, (document) => ({ kind: typeof document === type ? 'accepted' : 'declined' }));

test('a plug-in’s plan is one step, which runs again after an interruption', () => {
  expect(pluginStep(takes('p', 'number'))).toMatchObject({ name: 'p', ignoreFailure: false, onInterrupted: 'retry' });
});

test('what a plug-in wants and is wrong is rejected, every problem with its path', async () => {
  const picky = plugin('resize', () => ({ kind: 'invalid', problems: ['width: expected a number', 'x[1]: unknown'] }));
  expect(await pluginVerdict(picky, {}, silentLog)).toEqual({
    kind: 'rejected',
    reason: 'not valid for "resize": width: expected a number; x[1]: unknown',
  });
});

test('why a plug-in declined is in the log, and in the verdict', async () => {
  const lines: object[] = [];
  const log: Log = { ...silentLog, warn: (fields) => void lines.push(fields) };
  const thrower = plugin('p', () => ({ kind: 'declined', why: 'accepts() threw: no' }));
  expect(await pluginVerdict(thrower, {}, log)).toEqual({ kind: 'declined', why: 'accepts() threw: no' });
  expect(lines).toEqual([{ plugin: 'p', why: 'accepts() threw: no' }]);
});

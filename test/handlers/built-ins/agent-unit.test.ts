import { expect, test } from 'vitest';
import { readAgentUnit, unitOfCgroup } from '../../../src/handlers/built-ins/agent-unit.ts';

test.each([
  ['0::/system.slice/thing-agent.service\n', 'thing-agent.service'],
  ['0::/system.slice/thing-agent.service/plug-ins\n', 'thing-agent.service'],
  ['0::/system.slice/system-agent.slice/agent@pi-1.service', 'agent@pi-1.service'],
  ['12:pids:/other.service\n1:name=systemd:/system.slice/thing-agent.service\n0::/\n', 'thing-agent.service'],
  ['0::/user.slice/user-1000.slice/user@1000.service/app.slice/agent.service', 'agent.service'],
  ['0::/user.slice/user-1000.slice/session-3.scope', undefined],
  ['9:name=systemd:/\n4:memory:/box\n0::/', undefined],
  ['', undefined],
])('the control group %j is of %s', (text, unit) => {
  expect(unitOfCgroup(text)).toBe(unit);
});

test('asking for the own unit never throws', async () => {
  expect(['string', 'undefined']).toContain(typeof (await readAgentUnit()));
});

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createServiceBuiltIns } from '../../../src/handlers/built-ins/services.ts';
import type { BuiltInContext, StepResult } from '../../../src/handlers/step.ts';
import { BuiltInLab, builtInNamed } from './built-in-lab.ts';

let lab: BuiltInLab;

beforeEach(async () => {
  lab = await BuiltInLab.create();
});
afterEach(() => lab.remove());

const AGENT = 'thing-agent.service';

/** As one process of the agent has them. */
function agent(settleMs = 1) {
  const builtIns = createServiceBuiltIns({
    agentUnit: AGENT,
    settleMs,
    systemdDirectory: join(lab.directory, 'systemd'),
  });
  const run =
    (action: string) =>
    (services: readonly string[], overrides: Partial<BuiltInContext> = {}): Promise<StepResult> =>
      lab.run(builtInNamed(builtIns, action), services, overrides);
  return { start: run('startServices'), stop: run('stopServices'), restart: run('restartServices') };
}

/** A systemd that knows the services in the directory `units`: a file each, with what `show` prints of it. */
async function systemd(): Promise<void> {
  await mkdir(join(lab.directory, 'systemd'));
  await mkdir(join(lab.directory, 'units'));
  await lab.tool(
    'systemctl',
    `for unit; do :; done
     unit=\${unit%.service}
     shift
     file=$LAB/units/$unit
     if [ "$1" = show ]; then
       [ -e $file ] && while read -r line; do echo "$line"; done < $file
       [ -e $file ] || printf 'Id=%s.service\\nLoadState=not-found\\nActiveState=inactive\\nSubState=dead\\n' $unit
       exit 0
     fi
     [ -e $file ] || { echo "Failed to $1 $unit.service: Unit $unit.service not found." >&2; exit 5; }
     [ -e $file.denied ] && { echo 'Access denied' >&2; exit 4; }
     exit 0`,
  );
}

function unit(name: string, text: string, id = `${name}.service`): Promise<void> {
  return writeFile(join(lab.directory, 'units', name), `Id=${id}\nLoadState=loaded\n${text}\n`);
}

const RUNNING = 'ActiveState=active\nSubState=running\nType=simple\nResult=success';
const STOPPED = 'ActiveState=inactive\nSubState=dead\nType=simple\nResult=success';

/** What was asked of systemd, but for how things are. */
async function orders(): Promise<string[]> {
  const calls = await lab.calls();
  return calls.filter((call) => !call.includes(' show ')).map((call) => call.replace(/^systemctl --\S+ /, ''));
}

test('services are started one after the other and then looked at', async () => {
  await systemd();
  await unit('a', RUNNING);
  await unit('b', 'ActiveState=inactive\nSubState=dead\nType=oneshot\nResult=success');
  expect(await agent().start(['a b a'])).toEqual({ outcome: 'succeeded', details: { started: 'a, b' } });
  expect(await orders()).toEqual(['start -- a', 'start -- b']);
  expect(lab.progress).toEqual([{ phase: 'start a' }, { phase: 'start b' }]);
});

test('the one that fails is named with its reason, and does not keep the others from their turn', async () => {
  await systemd();
  await unit('good', RUNNING);
  await unit('crashing', 'ActiveState=activating\nSubState=auto-restart\nType=simple\nResult=exit-code');
  await unit('quitting', STOPPED);
  expect(await agent().restart(['crashing', 'nosuch', 'quitting', 'good'])).toMatchObject({
    outcome: 'failed',
    reason:
      '3 of 4 services not restarted: nosuch: systemctl restart: exited with code 5 (Failed to restart nosuch.service: Unit nosuch.service not found.); crashing is activating (auto-restart, exit-code); quitting is inactive (dead, success)',
  });
  expect(await orders()).toEqual([
    'restart -- crashing',
    'restart -- nosuch',
    'restart -- quitting',
    'restart -- good',
  ]);
});

test('a service is stopped when it is inactive, or failed because it had to be killed', async () => {
  await systemd();
  await unit('calm', STOPPED);
  await unit('killed', 'ActiveState=failed\nSubState=failed\nResult=timeout');
  expect(await agent().stop(['calm', 'killed'])).toEqual({
    outcome: 'succeeded',
    details: { stopped: 'calm, killed' },
  });
  await unit('stubborn', RUNNING);
  expect(await agent().stop(['calm', 'stubborn'])).toMatchObject({
    outcome: 'failed',
    reason: '1 of 2 services not stopped: stubborn is active',
  });
});

test('what systemd does not permit is told', async () => {
  await systemd();
  await unit('a', STOPPED);
  await unit('a.denied', '');
  expect(await agent().start(['a'])).toMatchObject({
    outcome: 'failed',
    reason: '1 of 1 services not started: a: systemctl start: exited with code 4 (Access denied)',
  });
});

test('a step that is cut off starts nothing more', async () => {
  await systemd();
  await unit('a', RUNNING);
  await unit('b', RUNNING);
  const abort = new AbortController();
  const result = agent().start(['a', 'b'], {
    signal: abort.signal,
    reportProgress: ({ phase }) => phase === 'start b' && abort.abort(),
  });
  expect(await result).toEqual({ outcome: 'interrupted' });
  expect(await orders()).toEqual(['start -- a']);
});

test('a step that is cut off while services settle has not succeeded', async () => {
  await systemd();
  await unit('a', RUNNING);
  const abort = new AbortController();
  const result = agent(600_000).start(['a'], { signal: abort.signal });
  await vi.waitFor(async () => expect(await orders()).toEqual(['start -- a']), { timeout: 20_000, interval: 20 });
  abort.abort();
  expect(await result).toEqual({ outcome: 'interrupted' });
});

test('the agent never stops its own service, whatever alias it is called by', async () => {
  await systemd();
  await unit('a', RUNNING);
  await unit('alias', RUNNING, AGENT);
  expect(await agent().stop(['a', 'alias'])).toMatchObject({
    outcome: 'failed',
    reason: "not permitted: alias is the agent's own service, and a stopped agent reports nothing",
  });
  expect(await orders()).toEqual([]);
});

test('the agent restarts its own service last, gives way to it, and does so once', async () => {
  await systemd();
  await unit('a', RUNNING);
  await unit('thing-agent', RUNNING);
  expect(await agent().restart(['thing-agent', 'a'])).toEqual({
    outcome: 'deferred',
    reason: "thing-agent.service is the agent's own service and is restarting",
  });
  expect(await orders()).toEqual(['restart -- a', `restart --no-block -- ${AGENT}`]);
  const [lastProgress] = lab.saved;
  // Another process of the agent: the one that has been started anew.
  expect(await agent().restart(['thing-agent', 'a'], { attempt: 2, lastProgress })).toEqual({
    outcome: 'succeeded',
    details: { restarted: 'thing-agent, a' },
  });
  expect(await orders()).toHaveLength(2);
});

test('a restart of the agent that systemd accepts and does not carry out fails in the end', async () => {
  await systemd();
  await unit('thing-agent', RUNNING);
  const { restart } = agent();
  let lastProgress: unknown;
  const outcomes: string[] = [];
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    const result = await restart(['thing-agent'], {
      attempt,
      lastProgress,
      saveProgress: (value) => (lastProgress = value),
    });
    outcomes.push(result.outcome === 'failed' ? result.reason : result.outcome);
  }
  expect(outcomes).toEqual([
    'deferred',
    'deferred',
    'deferred',
    'thing-agent.service: systemd accepted 3 requests to restart it and did not carry them out',
  ]);
  expect(await orders()).toHaveLength(3);
});

test('a restart of the agent that systemd refuses fails at once, and so does one after another service failed', async () => {
  await systemd();
  await unit('thing-agent', RUNNING);
  await unit('thing-agent.denied', '');
  expect(await agent().restart(['thing-agent'])).toMatchObject({
    outcome: 'failed',
    reason: 'systemctl restart: exited with code 4 (Access denied)',
  });
  lab.saved.length = 0;
  expect(await agent().restart(['thing-agent', 'nosuch'])).toMatchObject({ outcome: 'failed' });
  expect(lab.saved).toEqual([]);
});

test('without systemd, service does it, and its status decides', async () => {
  await lab.tool(
    'service',
    'case "$1 $2" in "good status") exit 0;; "bad status") exit 3;; "odd status") exit 150;; esac',
  );
  expect(await agent().start(['good'])).toEqual({ outcome: 'succeeded', details: { started: 'good' } });
  expect(await lab.calls()).toEqual(['service good start', 'service good status']);
  expect(await agent().restart(['good', 'bad', 'odd'])).toMatchObject({
    outcome: 'failed',
    reason:
      '2 of 3 services not restarted: bad is not running (status 3); odd does not say whether it runs (status 150)',
  });
  expect(await agent().stop(['bad'])).toEqual({ outcome: 'succeeded', details: { stopped: 'bad' } });
  expect(await agent().stop(['good'])).toMatchObject({ reason: '1 of 1 services not stopped: good is running' });
});

test("without systemd, the agent's own service is not restarted", async () => {
  await lab.tool('service');
  expect(await agent().restart(['thing-agent'])).toMatchObject({
    outcome: 'failed',
    reason: "not permitted: thing-agent is the agent's own service, which only systemd can restart; use reboot",
  });
  expect(await lab.calls()).toEqual([]);
});

test('a host with neither is told as such', async () => {
  expect(await agent().start(['a'])).toMatchObject({
    outcome: 'failed',
    reason: `1 of 1 services not started: a: service a start: not found: service (searched ${lab.bin})`,
  });
});

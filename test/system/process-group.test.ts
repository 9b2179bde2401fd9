import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { groupHasMembers, killGroup } from '../../src/system/process-group.ts';
import { processStatus } from '../../src/system/process-identity.ts';

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

/** The first number that the script writes. */
async function numberFrom(script: string): Promise<number> {
  child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = await once(child.stdout ?? child, 'data');
  return Number(String(chunk));
}

test('a group has members until the last has ended', async () => {
  const group = await numberFrom('echo $$; exec sleep 60');
  expect(groupHasMembers(group)).toBe(true);
  killGroup(group, 'SIGKILL');
  await once(child as ChildProcess, 'exit');
  expect(groupHasMembers(group)).toBe(false);
  expect(() => killGroup(group, 'SIGKILL')).not.toThrow();
});

test('one that has ended is no member, though nobody reaps it', async () => {
  // sleep(1) asks after no child, and this one ends only when that is its parent.
  const ended = `setsid sh -c 'until grep -q sleep /proc/$PPID/comm; do :; done'`;
  const group = await numberFrom(`${ended} & echo $!; exec sleep 60`);
  await vi.waitFor(() => expect(processStatus(group)).toMatchObject({ group, alive: false }), { timeout: 10_000 });
  expect(() => process.kill(-group, 0)).not.toThrow();
  expect(groupHasMembers(group)).toBe(false);
});

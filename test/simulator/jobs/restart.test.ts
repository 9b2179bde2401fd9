import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Store } from '../../../src/simulator/store.ts';
import { AccountLab, MINUTE, START } from '../../support/account-lab.ts';

/** A simulator that is stopped and started again later: what came due in the meantime happens then. */
let directory: string;
let labs: AccountLab[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'restart-'));
  labs = [];
});

afterEach(() => {
  for (const lab of labs) stop(lab);
  rmSync(directory, { recursive: true });
});

function start(minute = 0): AccountLab {
  const store = new Store(join(directory, 'state.sqlite'));
  const lab = new AccountLab({ store, now: START + minute * MINUTE, decisions: { deletionSeconds: 600 } });
  labs.push(lab);
  lab.account.jobs.start();
  lab.advance(0);
  return lab;
}

function stop(lab: AccountLab): void {
  if (!labs.includes(lab)) return;
  labs.splice(labs.indexOf(lab), 1);
  lab.account.jobs.stop();
  lab.clock.stop();
  lab.store.close();
  expect(lab.faults).toEqual([]);
}

function restart(lab: AccountLab, minute: number): AccountLab {
  stop(lab);
  return start(minute);
}

test('a deletion that was under way is finished', () => {
  const lab = start();
  lab.things('t1');
  lab.job('j');
  lab.jobs.delete('j', true);
  const later = restart(lab, 5);
  expect(later.describe('j')['status']).toBe('DELETION_IN_PROGRESS');
  later.advance(5);
  expect(() => later.describe('j')).toThrow(/does not exist/);
  later.job('k');
  later.jobs.delete('k', true);
  expect(() => restart(later, 60).describe('k')).toThrow(/does not exist/);
});

test('a rollout goes on, minute by minute', () => {
  const lab = start();
  lab.things('t1', 't2', 't3');
  lab.job('j', ['t1', 't2', 't3'], { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
  const later = restart(lab, 5);
  expect(later.counts('j')).toEqual({ Queued: 2 });
  later.advance(1);
  expect(later.counts('j')).toEqual({ Queued: 3 });
});

test('a rollout that was due before the job’s end gives before it', () => {
  const lab = start();
  lab.things('t1', 't2');
  const schedulingConfig = { endTime: '2026-01-05 01:00', endBehavior: 'STOP_ROLLOUT' };
  lab.job('j', ['t1', 't2'], { jobExecutionsRolloutConfig: { maximumPerMinute: 1 }, schedulingConfig });
  expect(restart(lab, 70).counts('j')).toEqual({ Queued: 2 });
});

test.each([
  ['comes before it', 5, 'TIMED_OUT'],
  ['does not come if it was due after it', 65, 'CANCELED'],
])('a time-out that was due before the job’s end %s', (_name, inProgressTimeoutInMinutes, status) => {
  const lab = start();
  lab.things('t1');
  const schedulingConfig = { endTime: '2026-01-05 01:00', endBehavior: 'FORCE_CANCEL' };
  lab.job('j', ['t1'], { timeoutConfig: { inProgressTimeoutInMinutes }, schedulingConfig });
  lab.update('t1', 'j', 'IN_PROGRESS');
  expect(restart(lab, 70).statuses('t1')).toEqual([`j#1 ${status}`]);
});

test('a job whose start came meanwhile starts, and one whose window closes later closes', () => {
  const lab = start();
  lab.things('t1');
  lab.job('later', ['t1'], { schedulingConfig: { startTime: '2026-01-05 01:00' } });
  const maintenanceWindows = [{ startTime: 'cron(0 * * * ? *)', durationInMinutes: 10 }];
  lab.job('windowed', ['t1'], { schedulingConfig: { maintenanceWindows } });
  const later = restart(lab, 65);
  expect([later.describe('later')['status'], later.describe('windowed')['status']]).toEqual([
    'IN_PROGRESS',
    'IN_PROGRESS',
  ]);
  later.advance(10);
  expect(later.describe('windowed')['status']).toBe('SCHEDULED');
});

import { beforeEach, describe, expect, test } from 'vitest';
import { AccountLab, ARN } from '../../support/account-lab.ts';

/** What the service does of itself. Times are minutes after 2026-01-05T00:00Z, a Monday. */
let lab: AccountLab;

beforeEach(() => {
  lab = new AccountLab();
  lab.things('t1', 't2', 't3', 't4');
});

describe('schedules', () => {
  test('a job waits, hidden, for its start, and ends at its end: STOP_ROLLOUT leaves what was given', () => {
    const schedulingConfig = {
      startTime: '2026-01-05 01:00',
      endTime: '2026-01-05 02:00',
      endBehavior: 'STOP_ROLLOUT',
    };
    lab.job('a', ['t1', 't2'], { schedulingConfig });
    expect(lab.describe('a')['status']).toBe('SCHEDULED');
    expect(lab.devices.getPending('t1').queuedJobs).toEqual([]);
    expect(lab.topics(() => lab.advance(60))).toEqual(
      ['t1', 't2'].flatMap((thing) => [`${thing}/jobs/notify`, `${thing}/jobs/notify-next`]),
    );
    lab.update('t1', 'a', 'SUCCEEDED');
    lab.advance(60);
    expect(lab.counts('a')).toEqual({ Succeeded: 1, Queued: 1 });
    lab.update('t2', 'a', 'SUCCEEDED');
    expect(lab.describe('a')['status']).toBe('COMPLETED');
  });

  test.each([
    ['CANCEL', { Canceled: 1, InProgress: 1 }],
    ['FORCE_CANCEL', { Canceled: 2 }],
  ])('%s at the end leaves %j', (endBehavior, counts) => {
    lab.job('a', ['t1', 't2'], { schedulingConfig: { endTime: '2026-01-05 01:00', endBehavior } });
    lab.update('t1', 'a', 'IN_PROGRESS');
    lab.advance(60);
    expect(lab.counts('a')).toEqual(counts);
  });

  test('a CONTINUOUS job with an end is COMPLETED after it', () => {
    lab.group('g', 't1');
    const schedulingConfig = { endTime: '2026-01-05 01:00' };
    lab.job('a', ['@g'], { targetSelection: 'CONTINUOUS', schedulingConfig });
    lab.update('t1', 'a', 'SUCCEEDED');
    expect(lab.describe('a')['status']).toBe('IN_PROGRESS');
    lab.advance(60);
    expect(lab.describe('a')['status']).toBe('COMPLETED');
    lab.join('t2', 'g');
    expect(lab.statuses('t2')).toEqual([]);
  });

  test('outside its maintenance windows a job is SCHEDULED again, and its executions are hidden', () => {
    const maintenanceWindows = [{ startTime: 'cron(0 2 ? * MON-FRI *)', durationInMinutes: 30 }];
    lab.job('a', ['t1'], { schedulingConfig: { maintenanceWindows } });
    lab.job('b', ['t1']);
    const pending = () => lab.devices.getPending('t1').queuedJobs.map(({ jobId }) => jobId);
    expect([lab.describe('a')['status'], pending()]).toEqual(['SCHEDULED', ['b']]);
    expect(lab.topics(() => lab.advance(120))).toEqual(['t1/jobs/notify']);
    expect([lab.describe('a')['status'], pending()]).toEqual(['IN_PROGRESS', ['b', 'a']]);
    expect(lab.topics(() => lab.advance(30))).toEqual(['t1/jobs/notify']);
    expect([lab.describe('a')['status'], pending()]).toEqual(['SCHEDULED', ['b']]);
    lab.advance(24 * 60 - 30);
    expect(pending()).toEqual(['a', 'b'].reverse());
    expect(lab.describe('a')['scheduledJobRollouts']).toHaveLength(7);
  });

  test('while a job with windows is among them, a list has 15 entries, else 10', () => {
    for (let index = 0; index < 16; index += 1) lab.job(`j${index}`);
    expect(lab.devices.getPending('t1').queuedJobs).toHaveLength(10);
    const maintenanceWindows = [{ startTime: 'cron(0 0 ? * * *)', durationInMinutes: 60 }];
    lab.job('w', ['t1'], { schedulingConfig: { maintenanceWindows } });
    expect(lab.devices.getPending('t1').queuedJobs).toHaveLength(15);
  });

  test.each([
    ['startTime in ten minutes', { startTime: '2026-01-05 00:10' }],
    ['startTime in two years', { startTime: '2028-01-05 00:10' }],
    ['endTime ten minutes after startTime', { startTime: '2026-01-05 01:00', endTime: '2026-01-05 01:10' }],
    ['an end behaviour that does not exist', { endBehavior: 'EXPLODE' }],
    ['a date that does not exist', { startTime: '2026-13-05 01:00' }],
    ['the 30th of February', { startTime: '2026-02-30 01:00' }],
    ['a cron expression without ?', { maintenanceWindows: [{ startTime: 'cron(0 2 * * 2 *)', durationInMinutes: 1 }] }],
    [
      'a cron expression with two ?',
      { maintenanceWindows: [{ startTime: 'cron(0 2 ? * ? *)', durationInMinutes: 1 }] },
    ],
    [
      'a cron expression of five fields',
      { maintenanceWindows: [{ startTime: 'cron(0 2 * * *)', durationInMinutes: 1 }] },
    ],
    ['a window of a day', { maintenanceWindows: [{ startTime: 'cron(0 2 ? * * *)', durationInMinutes: 1431 }] }],
  ])('%s is refused', (_case, schedulingConfig) => {
    expect(() => lab.job('a', ['t1'], { schedulingConfig })).toThrow(/schedulingConfig/);
  });

  test('after its end a job is given to nobody else', () => {
    lab.things('t2');
    lab.group('g', 't1');
    lab.job('a', ['@g'], { targetSelection: 'CONTINUOUS', schedulingConfig: { endTime: '2026-01-05 01:00' } });
    lab.advance(60);
    expect(() => lab.jobs.associateTargets('a', { targets: [`${ARN}:thing/t2`] })).toThrow(/past its end/);
    lab.join('t2', 'g');
    expect(lab.statuses('t2')).toEqual([]);
  });

  test('a SCHEDULED job is given at its start to who has joined, not to who has left or was deleted', () => {
    lab.things('t2', 't3', 't4');
    lab.group('g', 't1', 't2', 't3');
    const schedulingConfig = { startTime: '2026-01-05 01:00' };
    lab.job('a', ['@g'], { targetSelection: 'CONTINUOUS', schedulingConfig });
    lab.join('t4', 'g');
    lab.leave('t2', 'g');
    lab.account.registry.deleteThing('t3');
    expect(lab.statuses('t4')).toEqual([]);
    lab.advance(60);
    expect(['t1', 't2', 't4'].map((thing) => lab.statuses(thing))).toEqual([['a#1 QUEUED'], [], ['a#1 QUEUED']]);
    lab.things('t3');
    expect(lab.statuses('t3')).toEqual([]);
  });

  test('a SCHEDULED job for nobody is COMPLETED at its start, not before', () => {
    lab.group('empty');
    lab.job('a', ['@empty'], { schedulingConfig: { startTime: '2026-01-05 01:00' } });
    expect(lab.describe('a')['status']).toBe('SCHEDULED');
    lab.advance(60);
    expect(lab.describe('a')['status']).toBe('COMPLETED');
  });

  test('a cancel in a closed window shows its device again what runs on', () => {
    const maintenanceWindows = [{ startTime: 'cron(0 * * * ? *)', durationInMinutes: 10 }];
    lab.job('a', ['t1'], { schedulingConfig: { maintenanceWindows } });
    lab.devices.startNext('t1', {});
    lab.advance(20);
    expect(lab.devices.getPending('t1').inProgressJobs).toEqual([]);
    expect(lab.topics(() => lab.jobs.cancel('a', false, {}))).toEqual(['t1/jobs/notify', 't1/jobs/notify-next']);
    expect(lab.devices.getPending('t1').inProgressJobs).toHaveLength(1);
  });

  test('what fails after the end is not retried', () => {
    const jobExecutionsRetryConfig = { criteriaList: [{ failureType: 'FAILED', numberOfRetries: 5 }] };
    lab.job('a', ['t1'], { jobExecutionsRetryConfig, schedulingConfig: { endTime: '2026-01-05 01:00' } });
    lab.advance(60);
    lab.update('t1', 'a', 'FAILED');
    expect([lab.statuses('t1'), lab.describe('a')['status']]).toEqual([['a#1 FAILED'], 'COMPLETED']);
  });

  test('a cancel of a job that is hidden is not notified: its devices do not know of it', () => {
    const maintenanceWindows = [{ startTime: 'cron(0 2 ? * * *)', durationInMinutes: 30 }];
    lab.job('a', ['t1'], { schedulingConfig: { maintenanceWindows } });
    lab.advance(180);
    expect(lab.topics(() => lab.jobs.cancel('a', true, {}))).toEqual([]);
    expect(lab.counts('a')).toEqual({ Canceled: 1 });
  });
});

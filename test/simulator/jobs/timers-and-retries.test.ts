import { beforeEach, describe, expect, test } from 'vitest';
import { AccountLab } from '../../support/account-lab.ts';

/** What the service does of itself. Times are minutes after 2026-01-05T00:00Z, a Monday. */
let lab: AccountLab;

beforeEach(() => {
  lab = new AccountLab();
  lab.things('t1', 't2', 't3', 't4');
});

describe('timers', () => {
  test('an execution times out when its in-progress timer ends, which starts at IN_PROGRESS, not at creation', () => {
    lab.job('a', ['t1'], { timeoutConfig: { inProgressTimeoutInMinutes: 20 } });
    lab.advance(30);
    lab.update('t1', 'a', 'IN_PROGRESS');
    lab.advance(19);
    expect(lab.statuses('t1')).toEqual(['a#1 IN_PROGRESS']);
    expect(lab.topics(() => lab.advance(1))).toEqual(['t1/jobs/notify', 't1/jobs/notify-next']);
    expect(lab.statuses('t1')).toEqual(['a#1 TIMED_OUT']);
    expect(lab.describe('a')['status']).toBe('COMPLETED');
  });

  test('each step timer replaces the one before and never outlives the in-progress timer: the timeline of the guide', () => {
    lab.job('a', ['t1'], { timeoutConfig: { inProgressTimeoutInMinutes: 20 } });
    const left = () => lab.devices.describe('t1', 'a', {}).execution?.approximateSecondsBeforeTimedOut;
    lab.update('t1', 'a', 'IN_PROGRESS');
    lab.advance(5);
    lab.update('t1', 'a', 'IN_PROGRESS', { stepTimeoutInMinutes: 7 });
    expect(left()).toBe(7 * 60);
    lab.advance(5);
    lab.update('t1', 'a', 'IN_PROGRESS', { stepTimeoutInMinutes: 5 });
    expect(left()).toBe(5 * 60);
    lab.advance(3);
    lab.update('t1', 'a', 'IN_PROGRESS', { stepTimeoutInMinutes: 9 });
    expect(left()).toBe(7 * 60);
    lab.advance(7);
    expect(lab.statuses('t1')).toEqual(['a#1 TIMED_OUT']);
  });

  test('an update without a step timeout leaves the step timer running; -1 discards it', () => {
    lab.job('a');
    lab.job('b');
    lab.devices.startNext('t1', { stepTimeoutInMinutes: 10 });
    lab.update('t1', 'b', 'IN_PROGRESS', { stepTimeoutInMinutes: 10 });
    lab.update('t1', 'a', 'IN_PROGRESS', { statusDetails: { step: '2' } });
    lab.update('t1', 'b', 'IN_PROGRESS', { stepTimeoutInMinutes: -1 });
    lab.advance(10);
    expect(lab.statuses('t1')).toEqual(['a#1 TIMED_OUT', 'b#1 IN_PROGRESS']);
  });

  test('an execution without a timer says nothing of time left, nor does one that is queued', () => {
    lab.job('a', ['t1'], { timeoutConfig: { inProgressTimeoutInMinutes: 20 } });
    lab.job('b');
    lab.update('t1', 'b', 'IN_PROGRESS');
    for (const jobId of ['a', 'b']) {
      expect(lab.devices.describe('t1', jobId, {}).execution).not.toHaveProperty('approximateSecondsBeforeTimedOut');
    }
  });

  test('a timer that ends while an end is reported is no longer there', () => {
    lab.job('a', ['t1'], { timeoutConfig: { inProgressTimeoutInMinutes: 1 } });
    lab.update('t1', 'a', 'IN_PROGRESS');
    lab.update('t1', 'a', 'SUCCEEDED');
    expect(lab.topics(() => lab.advance(5))).toEqual([]);
    expect(lab.statuses('t1')).toEqual(['a#1 SUCCEEDED']);
  });

  test('start-next on a running execution leaves its step timer, unless decided otherwise', () => {
    lab.job('a');
    lab.devices.startNext('t1', { stepTimeoutInMinutes: 10 });
    const left = (minutes: number) =>
      lab.devices.startNext('t1', { stepTimeoutInMinutes: minutes }).execution?.approximateSecondsBeforeTimedOut;
    expect(left(30)).toBe(600);
    lab.settings.update({ restartStepTimer: true });
    expect(left(30)).toBe(1800);
  });

  test('timers go on after a restart of the simulator, and what came due meanwhile comes soon', async () => {
    lab.job('a', ['t1'], { timeoutConfig: { inProgressTimeoutInMinutes: 20 } });
    lab.update('t1', 'a', 'IN_PROGRESS');
    const again = new AccountLab({ store: lab.store, now: lab.clock.now() + 60 * 60_000 });
    again.account.jobs.start();
    await expect.poll(() => again.statuses('t1')).toEqual(['a#1 TIMED_OUT']);
  });
});

describe('retries', () => {
  const retry = (failureType: string, numberOfRetries: number) => ({
    jobExecutionsRetryConfig: { criteriaList: [{ failureType, numberOfRetries }] },
  });

  test('a failure is queued again under the next number, until its retries are used up', () => {
    lab.job('a', ['t1'], retry('FAILED', 2));
    for (let round = 0; round < 3; round += 1) lab.update('t1', 'a', 'FAILED');
    expect(lab.statuses('t1')).toEqual(['a#1 FAILED', 'a#2 FAILED', 'a#3 FAILED']);
    expect(lab.describe('a')['status']).toBe('COMPLETED');
    expect(lab.counts('a')).toEqual({ Failed: 1 });
    const { executionSummaries } = lab.executions.listForThing('t1', {}) as {
      executionSummaries: { jobExecutionSummary: { retryAttempt?: number } }[];
    };
    expect(executionSummaries.map((entry) => entry.jobExecutionSummary.retryAttempt)).toEqual([undefined, 1, 2]);
  });

  test('the device hears of the end, then of the retry', () => {
    lab.job('a', ['t1'], retry('ALL', 1));
    const heard = lab.topics(() => lab.update('t1', 'a', 'FAILED'));
    expect(heard).toEqual(['t1/jobs/notify', 't1/jobs/notify-next', 't1/jobs/notify', 't1/jobs/notify-next']);
    expect(lab.devices.startNext('t1', {}).execution).toMatchObject({ executionNumber: 2, versionNumber: 2 });
  });

  test('a time-out is retried by its own count', () => {
    lab.job('a', ['t1'], { ...retry('TIMED_OUT', 1), timeoutConfig: { inProgressTimeoutInMinutes: 1 } });
    lab.update('t1', 'a', 'IN_PROGRESS');
    lab.advance(1);
    lab.update('t1', 'a', 'FAILED');
    expect(lab.statuses('t1')).toEqual(['a#1 TIMED_OUT', 'a#2 FAILED']);
  });

  test.each(['SUCCEEDED', 'REJECTED'])('%s is not retried', (status) => {
    lab.job('a', ['t1'], retry('ALL', 5));
    lab.update('t1', 'a', status);
    expect(lab.statuses('t1')).toEqual([`a#1 ${status}`]);
  });

  test('UpdateJob with no retries ends them', () => {
    lab.job('a', ['t1'], retry('FAILED', 5));
    lab.update('t1', 'a', 'FAILED');
    expect(() => lab.jobs.update('a', retry('FAILED', 1))).toThrow(/only be updated to 0/);
    lab.jobs.update('a', retry('FAILED', 0));
    lab.update('t1', 'a', 'FAILED');
    expect(lab.statuses('t1')).toEqual(['a#1 FAILED', 'a#2 FAILED']);
  });

  test('more than ten in all, a time-out without a timer, and ALL beside another are refused', () => {
    const refused = (fields: object) => () => lab.job('a', ['t1'], fields);
    const both = (first: [string, number], second: [string, number]) => ({
      jobExecutionsRetryConfig: {
        criteriaList: [first, second].map(([failureType, numberOfRetries]) => ({ failureType, numberOfRetries })),
      },
      timeoutConfig: { inProgressTimeoutInMinutes: 1 },
    });
    expect(refused(both(['FAILED', 6], ['TIMED_OUT', 5]))).toThrow(/at most 10/);
    expect(refused(both(['FAILED', 1], ['ALL', 1]))).toThrow(/ALL only by itself/);
    expect(refused(retry('TIMED_OUT', 1))).toThrow(/need a timeoutConfig/);
    expect(refused(retry('REJECTED', 1))).toThrow(/enum value set/);
  });
});

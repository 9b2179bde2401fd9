import { afterEach, beforeEach, expect, test } from 'vitest';
import { JobsService } from '../../../src/simulator/jobs/jobs-service.ts';
import { Store } from '../../../src/simulator/store.ts';

const NOW = 1_700_000_000_000;
const TARGET = 'arn:aws:iot:us-east-1:123456789012:thing/t1';
let store: Store;
let jobs: JobsService;
let published: string[];

beforeEach(() => {
  store = new Store(':memory:');
  published = [];
  jobs = new JobsService({
    store,
    clock: { now: () => NOW },
    region: 'us-east-1',
    accountId: '123456789012',
    thingExists: (name) => name === 't1',
    publish: (topic) => published.push(topic.replace('$aws/things/t1/jobs/', '')),
  });
});
afterEach(() => store.close());

function create(jobId: string): void {
  jobs.createJob(jobId, { targets: [TARGET], document: '{"a":1}' });
}

/** What the action published. */
function notified(action: () => void): string[] {
  jobs.flushNotifications();
  published = [];
  action();
  jobs.flushNotifications();
  return published;
}

const update = (jobId: string, status: string, more: object = {}) =>
  jobs.updateJobExecution('t1', jobId, { status, ...more });

test('the first job is notified by notify, then notify-next; a second one by notify alone', () => {
  expect(notified(() => create('a'))).toEqual(['notify', 'notify-next']);
  expect(notified(() => create('b'))).toEqual(['notify']);
});

test('a start of the first job and a change of details are silent', () => {
  create('a');
  expect(notified(() => update('a', 'IN_PROGRESS'))).toEqual([]);
  expect(notified(() => update('a', 'IN_PROGRESS', { statusDetails: { step: '1' } }))).toEqual([]);
});

test('an end of the first job is notified by notify, then notify-next', () => {
  create('a');
  expect(notified(() => update('a', 'SUCCEEDED'))).toEqual(['notify', 'notify-next']);
});

test.each(['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'])('a queued execution may become %s', (status) => {
  create('a');
  expect(update('a', status, { includeJobExecutionState: true })).toEqual({
    executionState: { status, versionNumber: 2 },
  });
});

test.each([99, '99'])('a version that is not the stored one (%j) is refused with the state', (expectedVersion) => {
  create('a');
  expect(() => update('a', 'IN_PROGRESS', { expectedVersion })).toThrow(
    expect.objectContaining({
      code: 'VersionMismatch',
      message: 'Expected version 99 but found version 1',
      executionState: { status: 'QUEUED', versionNumber: 1 },
    }),
  );
});

test('start-next gives a running execution again, unchanged', () => {
  create('a');
  const first = jobs.startNextPendingJobExecution('t1', { statusDetails: { step: '1' } });
  expect(jobs.startNextPendingJobExecution('t1', { statusDetails: { step: '2' } })).toEqual(first);
});

test('a deleted job is gone from the thing, and its id may be used again', () => {
  create('a');
  jobs.deleteJob('a', { force: true });
  expect(jobs.getPendingJobExecutions('t1')).toEqual({ inProgressJobs: [], queuedJobs: [] });
  create('a');
  expect(jobs.getPendingJobExecutions('t1').queuedJobs).toHaveLength(1);
});

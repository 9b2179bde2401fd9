// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of job documents are written so
import { beforeEach, describe, expect, test } from 'vitest';
import { AccountLab } from '../../support/account-lab.ts';

/** What devices ask, and what they are told (docs/protocol.md, Operations, States, Notifications). */
let lab: AccountLab;

beforeEach(() => {
  lab = new AccountLab();
  lab.things('t1');
});

const notified = (action: () => void) => lab.topics(action).map((topic) => topic.replace('t1/jobs/', ''));

test('the first job is notified by notify, then notify-next; a second one by notify alone', () => {
  expect(notified(() => lab.job('a'))).toEqual(['notify', 'notify-next']);
  expect(notified(() => lab.job('b'))).toEqual(['notify']);
});

test('a start of the first job and a change of details are silent', () => {
  lab.job('a');
  expect(notified(() => lab.update('t1', 'a', 'IN_PROGRESS'))).toEqual([]);
  expect(notified(() => lab.update('t1', 'a', 'IN_PROGRESS', { statusDetails: { step: '1' } }))).toEqual([]);
});

test('an end of the first job is notified by notify, then notify-next', () => {
  lab.job('a');
  expect(notified(() => lab.update('t1', 'a', 'SUCCEEDED'))).toEqual(['notify', 'notify-next']);
});

describe('the states of an execution', () => {
  const STATUSES = ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'];

  test.each(STATUSES)('QUEUED may become %s', (status) => {
    lab.job('a');
    expect(lab.update('t1', 'a', status, { includeJobExecutionState: true })).toEqual({
      executionState: { status, versionNumber: 2 },
    });
  });

  test.each(STATUSES)('IN_PROGRESS may become %s', (status) => {
    lab.job('a');
    lab.update('t1', 'a', 'IN_PROGRESS');
    expect(lab.update('t1', 'a', status, { includeJobExecutionState: true })).toEqual({
      executionState: { status, versionNumber: 3 },
    });
  });

  test.each(['SUCCEEDED', 'FAILED', 'REJECTED'])('%s becomes nothing else, and says so with its state', (ended) => {
    lab.job('a');
    lab.update('t1', 'a', ended);
    for (const status of STATUSES) {
      expect(() => lab.update('t1', 'a', status)).toThrow(
        expect.objectContaining({
          code: 'InvalidStateTransitionException',
          executionState: { status: ended, versionNumber: 2 },
        }),
      );
    }
  });

  test.each(['QUEUED', 'CANCELED', 'TIMED_OUT', 'REMOVED', 'succeeded', '', 7])('a device may not set %j', (status) => {
    lab.job('a');
    expect(() => lab.devices.update('t1', 'a', { status })).toThrow(
      expect.objectContaining({ code: 'InvalidRequestException' }),
    );
  });

  test('IN_PROGRESS to REJECTED, CANCELED by a device, and the code for an ended execution can be decided otherwise', () => {
    lab.settings.update({
      rejectWhileInProgress: false,
      deviceMayCancel: true,
      endedUpdateCode: 'TerminalStateReached',
    });
    lab.job('a');
    lab.update('t1', 'a', 'IN_PROGRESS');
    expect(() => lab.update('t1', 'a', 'REJECTED')).toThrow(/cannot go from IN_PROGRESS/);
    lab.update('t1', 'a', 'CANCELED');
    expect(() => lab.update('t1', 'a', 'FAILED')).toThrow(expect.objectContaining({ code: 'TerminalStateException' }));
  });
});

test.each([99, '99'])('a version that is not the stored one (%j) is refused with the state', (expectedVersion) => {
  lab.job('a');
  expect(() => lab.update('t1', 'a', 'IN_PROGRESS', { expectedVersion })).toThrow(
    expect.objectContaining({
      code: 'VersionMismatch',
      message: 'Expected version 99 but found version 1',
      executionState: { status: 'QUEUED', versionNumber: 1 },
    }),
  );
});

test('start-next gives a running execution again, unchanged', () => {
  lab.job('a');
  const first = lab.devices.startNext('t1', { statusDetails: { step: '1' } });
  expect(lab.devices.startNext('t1', { statusDetails: { step: '2' } })).toEqual(first);
});

test('an execution that has ended cannot be described by its device', () => {
  lab.job('a');
  lab.update('t1', 'a', 'SUCCEEDED');
  expect(() => lab.devices.describe('t1', 'a', {})).toThrow(
    expect.objectContaining({ code: 'TerminalStateException' }),
  );
});

test('what runs comes first, then what was queued first; equal times in the order of creation', () => {
  for (const jobId of ['a', 'b', 'c']) lab.job(jobId);
  lab.update('t1', 'c', 'IN_PROGRESS');
  lab.update('t1', 'b', 'IN_PROGRESS');
  const { inProgressJobs, queuedJobs } = lab.devices.getPending('t1');
  expect([...inProgressJobs, ...queuedJobs].map(({ jobId }) => jobId)).toEqual(['b', 'c', 'a']);
});

test('at most ten are listed, both statuses together', () => {
  for (let index = 0; index < 12; index += 1) lab.job(`j${index}`);
  for (const index of [0, 11]) lab.update('t1', `j${index}`, 'IN_PROGRESS');
  const { inProgressJobs, queuedJobs } = lab.devices.getPending('t1');
  expect([inProgressJobs.length, queuedJobs.length]).toEqual([2, 8]);
});

test('a deleted job is gone from the thing, and its id may be used again', () => {
  lab.job('a');
  lab.jobs.delete('a', true);
  expect(lab.devices.getPending('t1')).toEqual({ inProgressJobs: [], queuedJobs: [] });
  lab.job('a');
  expect(lab.devices.getPending('t1').queuedJobs).toHaveLength(1);
});

test('what is pending survives a restart, and counts go on', () => {
  for (const jobId of ['a', 'b']) lab.job(jobId);
  lab.update('t1', 'b', 'IN_PROGRESS');
  const again = new AccountLab({ store: lab.store });
  expect(again.devices.getPending('t1')).toEqual(lab.devices.getPending('t1'));
  again.job('c');
  expect(again.devices.getPending('t1').queuedJobs.map(({ jobId }) => jobId)).toEqual(['a', 'c']);
  again.update('t1', 'a', 'SUCCEEDED');
  expect(again.describe('a')['status']).toBe('COMPLETED');
});

test('each delivery of a document has a presigned URL of its own', () => {
  const placeholder = '${aws:iot:s3-presigned-url:https://s3.us-east-1.amazonaws.com/bucket/key}';
  const document = JSON.stringify({ url: placeholder });
  const presignedUrlConfig = { roleArn: 'arn:aws:iam::123456789012:role/jobs', expiresInSec: 600 };
  lab.job('a', ['t1'], { document, presignedUrlConfig });
  const [, next] = lab.take();
  const url = (execution: unknown) => (execution as { jobDocument: { url: string } }).jobDocument.url;
  const urls = [
    url(next?.payload['execution']),
    url(lab.devices.describe('t1', '$next', {}).execution),
    url(lab.devices.startNext('t1', {}).execution),
    url(lab.devices.update('t1', 'a', { status: 'IN_PROGRESS', includeJobDocument: true })),
  ];
  expect(new Set(urls).size).toBe(4);
  for (const one of urls)
    expect(one).toMatch(/^http:\/\/127\.0\.0\.1:8080\/_simulator\/objects\/bucket\/key\?.*X-Amz-Expires=600/);
  expect(lab.jobs.document('a', false)).toEqual({ document });
});

import { paginateListJobs } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARN, ConformanceLab, refusal, START, targetArn } from '../support/conformance-lab.ts';

/** The operations on jobs, through AWS's SDK for the control plane. Timers, rollouts and the like have files of their own. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

const NONE = {
  numberOfCanceledThings: 0,
  numberOfSucceededThings: 0,
  numberOfFailedThings: 0,
  numberOfRejectedThings: 0,
  numberOfQueuedThings: 0,
  numberOfInProgressThings: 0,
  numberOfRemovedThings: 0,
  numberOfTimedOutThings: 0,
};

/** A job of its own thing. */
async function withJob(fields = {}): Promise<{ thing: string; jobId: string }> {
  const thing = await lab.thing();
  const jobId = `job-of-${thing}`;
  await lab.createJob(jobId, thing, fields);
  return { thing, jobId };
}

describe('CreateJob', () => {
  it('answers ARN, id and description (API reference, CreateJob)', async () => {
    const targets = [targetArn(await lab.thing())];
    const { $metadata, ...answer } = await lab.iot.createJob({ jobId: 'j', targets, document: '{}', description: 'd' });
    expect(answer).toEqual({ jobId: 'j', jobArn: `${ARN}:job/j`, description: 'd' });
    const { $metadata: _, ...bare } = await lab.iot.createJob({ jobId: 'k', targets, document: '{}' });
    expect(bare).toEqual({ jobId: 'k', jobArn: `${ARN}:job/k` });
  });

  it('refuses an id that is taken (API reference, CreateJob)', async () => {
    const { jobId, thing } = await withJob();
    await expect(lab.createJob(jobId, thing)).rejects.toMatchObject(refusal('ResourceAlreadyExistsException', 409));
  });

  it('refuses a target that does not exist (API reference, CreateJob)', async () => {
    const missing = refusal('ResourceNotFoundException', 404);
    await expect(lab.createJob('x', 'no-such-thing')).rejects.toMatchObject(missing);
    await expect(lab.createJob('x', '@no-such-group')).rejects.toMatchObject(missing);
  });

  it('refuses what is no ARN of a thing or a group, and no target at all (API reference, CreateJob)', async () => {
    const invalid = refusal('InvalidRequestException', 400);
    for (const targets of [[], ['pi'], [`${ARN}:job/j`], ['arn:aws:iot:us-east-1:999999999999:thing/pi']]) {
      await expect(lab.iot.createJob({ jobId: 'x', targets, document: '{}' })).rejects.toMatchObject(invalid);
    }
  });

  it('refuses more than one source of the document, and none (API reference, CreateJob)', async () => {
    const targets = [targetArn(await lab.thing())];
    const invalid = refusal('InvalidRequestException', 400);
    const documentSource = 'https://bucket.s3.amazonaws.com/key';
    await expect(lab.iot.createJob({ jobId: 'x', targets })).rejects.toMatchObject(invalid);
    await expect(lab.iot.createJob({ jobId: 'x', targets, document: '{}', documentSource })).rejects.toMatchObject(
      invalid,
    );
  });

  it('refuses a document that is no JSON, or longer than 32,768 bytes (API reference, CreateJob)', async () => {
    const thing = await lab.thing();
    const invalid = refusal('InvalidRequestException', 400);
    await expect(lab.createJob('x', thing, { document: 'reboot' })).rejects.toMatchObject(invalid);
    const longest = JSON.stringify('x'.repeat(32_766));
    await expect(lab.createJob('x', thing, { document: `${longest} ` })).rejects.toMatchObject(invalid);
    await lab.createJob('longest', thing, { document: longest });
  });

  it('refuses an id with other characters, and one of 65 (API reference, CreateJob)', async () => {
    const thing = await lab.thing();
    for (const jobId of ['a.b', 'ä', 'j'.repeat(65)]) {
      await expect(lab.createJob(jobId, thing)).rejects.toMatchObject(refusal('InvalidRequestException', 400));
    }
    await lab.createJob('j'.repeat(64), thing);
  });

  it('refuses a description of 2,029 characters (API reference, CreateJob)', async () => {
    const description = 'd'.repeat(2029);
    await expect(withJob({ description })).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });
});

describe('DescribeJob', () => {
  it('shows a new job: SNAPSHOT, IN_PROGRESS, one execution queued, no optional field (API reference, Job)', async () => {
    const { jobId, thing } = await withJob();
    expect(await lab.job(jobId)).toEqual({
      jobId,
      jobArn: `${ARN}:job/${jobId}`,
      targetSelection: 'SNAPSHOT',
      status: 'IN_PROGRESS',
      targets: [targetArn(thing)],
      createdAt: new Date(START),
      lastUpdatedAt: new Date(START),
      jobProcessDetails: { ...NONE, numberOfQueuedThings: 1 },
      isConcurrent: false,
    });
  });

  it('shows the configurations as they were given (API reference, Job)', async () => {
    const fields = {
      description: 'all of them',
      timeoutConfig: { inProgressTimeoutInMinutes: 10 },
      jobExecutionsRolloutConfig: { maximumPerMinute: 7 },
      abortConfig: {
        criteriaList: [
          { failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 12.25, minNumberOfExecutedThings: 3 },
        ],
      },
      jobExecutionsRetryConfig: { criteriaList: [{ failureType: 'TIMED_OUT', numberOfRetries: 2 }] },
      presignedUrlConfig: { roleArn: 'arn:aws:iam::123456789012:role/presigner', expiresInSec: 60 },
    };
    const { jobId } = await withJob(fields);
    expect(await lab.job(jobId)).toMatchObject(fields);
  });

  it('refuses a job that does not exist (API reference, DescribeJob)', async () => {
    const missing = refusal('ResourceNotFoundException', 404);
    await expect(lab.iot.describeJob({ jobId: 'nowhere' })).rejects.toMatchObject(missing);
    await expect(lab.iot.getJobDocument({ jobId: 'nowhere' })).rejects.toMatchObject(missing);
  });
});

describe('GetJobDocument', () => {
  it('answers the text as it was given (API reference, GetJobDocument)', async () => {
    const document = '{ "a" : [1,  2] }\n';
    const { jobId } = await withJob({ document });
    expect((await lab.iot.getJobDocument({ jobId })).document).toBe(document);
  });
});

describe('a job', () => {
  it('is COMPLETED when its last execution ends, whichever way (AWS IoT developer guide, Jobs and job execution states)', async () => {
    const things = await lab.things(3);
    await lab.createJob('ends', things);
    const [first = '', second = '', third = ''] = things;
    await lab.dataPlane.updateJobExecution({ thingName: first, jobId: 'ends', status: 'SUCCEEDED' });
    await lab.dataPlane.updateJobExecution({ thingName: second, jobId: 'ends', status: 'FAILED' });
    expect(await lab.job('ends')).toMatchObject({ status: 'IN_PROGRESS' });
    await lab.iot.cancelJobExecution({ thingName: third, jobId: 'ends' });
    const counts = { numberOfSucceededThings: 1, numberOfFailedThings: 1, numberOfCanceledThings: 1 };
    expect(await lab.job('ends')).toMatchObject({
      status: 'COMPLETED',
      completedAt: new Date(START),
      jobProcessDetails: { ...NONE, ...counts },
    });
  });
});

describe('CancelJob', () => {
  it('cancels what is queued, lets go on what runs, and keeps reason and comment (API reference, CancelJob)', async () => {
    const [running = '', queued = ''] = await lab.things(2);
    await lab.createJob('cancel', [running, queued]);
    await lab.dataPlane.startNextPendingJobExecution({ thingName: running });
    const { $metadata, ...answer } = await lab.iot.cancelJob({ jobId: 'cancel', reasonCode: 'RC_1', comment: 'why' });
    expect(answer).toEqual({ jobId: 'cancel', jobArn: `${ARN}:job/cancel` });
    expect(await lab.statuses('cancel', [running, queued])).toEqual(['IN_PROGRESS', 'CANCELED']);
    const job = await lab.job('cancel');
    expect(job).toMatchObject({ status: 'CANCELED', reasonCode: 'RC_1', comment: 'why' });
    expect(job.forceCanceled ?? false).toBe(false);
    await lab.dataPlane.updateJobExecution({ thingName: running, jobId: 'cancel', status: 'SUCCEEDED' });
  });

  it('cancels what runs too when forced (API reference, CancelJob)', async () => {
    const { jobId, thing } = await withJob();
    await lab.dataPlane.startNextPendingJobExecution({ thingName: thing });
    await lab.iot.cancelJob({ jobId, force: true });
    expect(await lab.job(jobId)).toMatchObject({ status: 'CANCELED', forceCanceled: true });
    expect(await lab.execution(thing, jobId)).toMatchObject({ status: 'CANCELED', forceCanceled: true });
  });

  it('is refused for a job that has ended, and for none (API reference, CancelJob)', async () => {
    const { jobId } = await withJob();
    await lab.iot.cancelJob({ jobId });
    await expect(lab.iot.cancelJob({ jobId })).rejects.toMatchObject(refusal('InvalidRequestException', 400));
    await expect(lab.iot.cancelJob({ jobId: 'nowhere' })).rejects.toMatchObject(
      refusal('ResourceNotFoundException', 404),
    );
  });

  it('is refused with a reason code in small letters (API reference, CancelJob)', async () => {
    const { jobId } = await withJob();
    await expect(lab.iot.cancelJob({ jobId, reasonCode: 'because' })).rejects.toMatchObject(
      refusal('InvalidRequestException', 400),
    );
  });
});

describe('DeleteJob', () => {
  it('is refused for a job in progress unless forced, and frees the id (API reference, DeleteJob)', async () => {
    const { jobId, thing } = await withJob();
    await expect(lab.iot.deleteJob({ jobId })).rejects.toMatchObject(refusal('InvalidStateTransitionException', 409));
    await lab.iot.deleteJob({ jobId, force: true });
    await expect(lab.job(jobId)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
    await lab.createJob(jobId, thing);
    expect(await lab.execution(thing, jobId)).toMatchObject({ status: 'QUEUED' });
  });

  it('needs no force for a cancelled job (API reference, DeleteJob)', async () => {
    const { jobId } = await withJob();
    await lab.iot.cancelJob({ jobId });
    await lab.iot.deleteJob({ jobId });
  });

  it('leaves DELETION_IN_PROGRESS while it lasts, in which nothing else is taken, and ten at most (API reference, DeleteJob)', async () => {
    lab.simulator.settings.update({ deletionSeconds: 30 });
    const jobs = [];
    for (let index = 0; index < 11; index += 1) jobs.push((await withJob()).jobId);
    const [first = '', ...others] = jobs;
    const last = others.pop() ?? '';
    for (const jobId of [first, ...others]) await lab.iot.deleteJob({ jobId, force: true });
    expect(await lab.job(first)).toMatchObject({ status: 'DELETION_IN_PROGRESS' });
    const again = lab.iot.deleteJob({ jobId: first, force: true });
    await expect(again).rejects.toMatchObject(refusal('InvalidStateTransitionException', 409));
    await expect(lab.iot.cancelJob({ jobId: first })).rejects.toMatchObject(refusal('InvalidRequestException', 400));
    const eleventh = lab.iot.deleteJob({ jobId: last, force: true });
    await expect(eleventh).rejects.toMatchObject(refusal('LimitExceededException', 410));
    lab.advance(30_000);
    lab.simulator.settings.reset();
    await expect(lab.job(first)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  });
});

describe('ListJobs', () => {
  it('gives all pages to the SDK’s paginator, each job once (API reference, ListJobs)', async () => {
    const thing = await lab.thing();
    const thingGroupName = await lab.group('paged', thing);
    const jobIds = Array.from({ length: 5 }, (_, index) => `paged-${index}`);
    for (const jobId of jobIds) await lab.createJob(jobId, `@${thingGroupName}`);
    const pages = [];
    for await (const { jobs = [] } of paginateListJobs({ client: lab.iot, pageSize: 2 }, { thingGroupName })) {
      pages.push(jobs.map(({ jobId }) => jobId ?? ''));
    }
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
    expect(pages.flat().sort()).toEqual(jobIds);
  });

  it('shows summaries (API reference, JobSummary)', async () => {
    const thing = await lab.thing();
    const thingGroupName = await lab.group('summaries', thing);
    await lab.createJob('summary', '@summaries');
    const { jobs } = await lab.iot.listJobs({ thingGroupName });
    expect(jobs).toEqual([
      {
        jobArn: `${ARN}:job/summary`,
        jobId: 'summary',
        targetSelection: 'SNAPSHOT',
        status: 'IN_PROGRESS',
        createdAt: new Date(lab.simulator.clock.now()),
        lastUpdatedAt: new Date(lab.simulator.clock.now()),
        isConcurrent: false,
      },
    ]);
  });

  it('filters by status and target selection (API reference, ListJobs)', async () => {
    const thingGroupName = await lab.group('filtered', await lab.thing());
    await lab.createJob('goes-on', '@filtered', { targetSelection: 'CONTINUOUS' });
    await lab.createJob('canceled', '@filtered');
    await lab.iot.cancelJob({ jobId: 'canceled' });
    const ids = async (filter: object) =>
      (await lab.iot.listJobs({ thingGroupName, ...filter })).jobs?.map(({ jobId }) => jobId);
    expect(await ids({ status: 'CANCELED' })).toEqual(['canceled']);
    expect(await ids({ status: 'IN_PROGRESS' })).toEqual(['goes-on']);
    expect(await ids({ targetSelection: 'CONTINUOUS' })).toEqual(['goes-on']);
    expect(await ids({ targetSelection: 'SNAPSHOT' })).toEqual(['canceled']);
  });

  it('refuses pages of none and of 251 (API reference, ListJobs)', async () => {
    for (const maxResults of [0, 251]) {
      await expect(lab.iot.listJobs({ maxResults })).rejects.toMatchObject(refusal('InvalidRequestException', 400));
    }
  });
});

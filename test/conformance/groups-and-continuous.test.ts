import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, MINUTE } from '../support/conformance-lab.ts';

/** Thing groups as targets, SNAPSHOT and CONTINUOUS. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

const CONTINUOUS = { targetSelection: 'CONTINUOUS' } as const;

function join(thingGroupName: string, thingName: string) {
  return lab.iot.addThingToThingGroup({ thingGroupName, thingName });
}

function leave(thingGroupName: string, thingName: string) {
  return lab.iot.removeThingFromThingGroup({ thingGroupName, thingName });
}

function report(thingName: string, jobId: string, status: 'FAILED' | 'SUCCEEDED') {
  return lab.dataPlane.updateJobExecution({ thingName, jobId, status });
}

describe('a SNAPSHOT job', () => {
  it('is for the members of its group at its creation, each once, child groups included (AWS IoT developer guide, Jobs key concepts)', async () => {
    const [parent = '', child = '', late = ''] = await lab.things(3);
    await lab.group('parent', parent);
    await lab.iot.createThingGroup({ thingGroupName: 'child', parentGroupName: 'parent' });
    await join('child', child);
    await lab.createJob('snapshot', ['@parent', '@child', parent]);
    await join('parent', late);
    expect(await lab.statuses('snapshot', [parent, child, late])).toEqual(['QUEUED', 'QUEUED', undefined]);
    expect((await lab.job('snapshot')).jobProcessDetails?.numberOfQueuedThings).toBe(2);
  });

  it('goes on for a member that leaves (AWS IoT developer guide, Jobs key concepts)', async () => {
    const thing = await lab.thing();
    await lab.group('left', thing);
    await lab.createJob('left-snapshot', '@left');
    await leave('left', thing);
    expect(await lab.statuses('left-snapshot', [thing])).toEqual(['QUEUED']);
  });
});

describe('a CONTINUOUS job', () => {
  it('is given to what joins its group, also after all others have finished (AWS IoT developer guide, Jobs key concepts)', async () => {
    const first = await lab.thing();
    await lab.group('growing', first);
    await lab.createJob('growing', '@growing', CONTINUOUS);
    await report(first, 'growing', 'SUCCEEDED');
    expect(await lab.job('growing')).toMatchObject({ status: 'IN_PROGRESS' });
    const joining = await lab.device();
    await joining.listen();
    await join('growing', joining.thingName);
    expect(await joining.topics()).toEqual(['notify', 'notify-next']);
    expect(await joining.accepted('start-next')).toMatchObject({ execution: { jobId: 'growing' } });
  });

  it('is given at once to what joins, whatever its rollout rate (AWS IoT developer guide, How job configurations work)', async () => {
    const members = await lab.things(2);
    await lab.group('slow', ...members);
    await lab.createJob('slow', '@slow', { ...CONTINUOUS, jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
    const joining = await lab.thing();
    await join('slow', joining);
    expect(await lab.statuses('slow', [...members, joining])).toEqual(['QUEUED', undefined, 'QUEUED']);
  });

  it('gives REMOVED to what leaves its group, queued or running, and tells it (API reference, JobProcessDetails)', async () => {
    const running = await lab.device();
    const queued = await lab.thing();
    await lab.group('leaving', running.thingName, queued);
    await lab.createJob('leaving', '@leaving', CONTINUOUS);
    await running.accepted('start-next');
    await running.listen();
    await leave('leaving', running.thingName);
    await leave('leaving', queued);
    expect(await lab.statuses('leaving', [running.thingName, queued])).toEqual(['REMOVED', 'REMOVED']);
    expect((await running.taken()).map(({ payload }) => payload)).toEqual([
      { timestamp: lab.now, jobs: {} },
      { timestamp: lab.now },
    ]);
    expect((await lab.job('leaving')).jobProcessDetails?.numberOfRemovedThings).toBe(2);
  });

  it('leaves alone what has finished before it left (AWS IoT developer guide, Jobs and job execution states)', async () => {
    const thing = await lab.thing();
    await lab.group('finished', thing);
    await lab.createJob('finished', '@finished', CONTINUOUS);
    await report(thing, 'finished', 'SUCCEEDED');
    await leave('finished', thing);
    expect(await lab.statuses('finished', [thing])).toEqual(['SUCCEEDED']);
  });

  it('keeps a thing that is still in another of its groups (our reading of the AWS IoT developer guide, Jobs key concepts)', async () => {
    const thing = await lab.thing();
    await lab.group('one', thing);
    await lab.group('another', thing);
    await lab.createJob('both', ['@one', '@another'], CONTINUOUS);
    await leave('one', thing);
    expect(await lab.statuses('both', [thing])).toEqual(['QUEUED']);
    await leave('another', thing);
    expect(await lab.statuses('both', [thing])).toEqual(['REMOVED']);
  });

  it('begins anew for what comes back, its retries at zero (AWS IoT developer guide, How job configurations work)', async () => {
    const thing = await lab.thing();
    await lab.group('back', thing);
    const criteriaList = [{ failureType: 'FAILED' as const, numberOfRetries: 1 }];
    await lab.createJob('back', '@back', { ...CONTINUOUS, jobExecutionsRetryConfig: { criteriaList } });
    await report(thing, 'back', 'FAILED');
    await leave('back', thing);
    expect(await lab.statuses('back', [thing])).toEqual(['REMOVED']);
    await join('back', thing);
    await report(thing, 'back', 'FAILED');
    const { executionSummaries = [] } = await lab.iot.listJobExecutionsForThing({ thingName: thing, jobId: 'back' });
    const attempts = executionSummaries
      .map(({ jobExecutionSummary: one }) => [one?.executionNumber ?? 0, one?.status, one?.retryAttempt ?? 0] as const)
      .sort(([a], [b]) => a - b);
    expect(attempts).toEqual([
      [1, 'FAILED', 0],
      [2, 'REMOVED', 1],
      [3, 'FAILED', 0],
      [4, 'QUEUED', 1],
    ]);
  });

  it('is given to nobody after it was cancelled (AWS IoT developer guide, Jobs and job execution states)', async () => {
    await lab.group('over');
    await lab.createJob('over', '@over', CONTINUOUS);
    await lab.iot.cancelJob({ jobId: 'over' });
    const late = await lab.thing();
    await join('over', late);
    expect(await lab.statuses('over', [late])).toEqual([undefined]);
  });
});

describe('a thing that is deleted', () => {
  it('leaves REMOVED executions, and a job that is complete without it (API reference, JobProcessDetails)', async () => {
    const [stays = '', goes = ''] = await lab.things(2);
    await lab.createJob('deleted-thing', [stays, goes]);
    await lab.iot.deleteThing({ thingName: goes });
    await report(stays, 'deleted-thing', 'SUCCEEDED');
    expect(await lab.job('deleted-thing')).toMatchObject({
      status: 'COMPLETED',
      jobProcessDetails: { numberOfRemovedThings: 1, numberOfSucceededThings: 1 },
    });
  });
});

describe('jobs of a namespace', () => {
  it('are notified on topics of their own, and shown with it (API reference, CreateJob)', async () => {
    const device = await lab.device();
    const namespaceId = 'aws-gg-deployment';
    await device.subscribe(
      'notify',
      'notify-next',
      `notify-namespace-${namespaceId}`,
      `notify-next-namespace-${namespaceId}`,
    );
    await lab.createJob('namespaced', device.thingName, { namespaceId });
    expect(await device.topics()).toEqual([`notify-namespace-${namespaceId}`, `notify-next-namespace-${namespaceId}`]);
    expect(await lab.job('namespaced')).toMatchObject({ namespaceId });
    const { jobs } = await lab.iot.listJobs({ namespaceId });
    expect(jobs?.map(({ jobId }) => jobId)).toEqual(['namespaced']);
    lab.advance(MINUTE);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, MINUTE, refusal, targetArn } from '../support/conformance-lab.ts';

/** UpdateJob, AssociateTargetsWithJob, tags: what may be changed of a job that is there. */
let lab: ConformanceLab;
let thing: string;

beforeAll(async () => {
  lab = await ConformanceLab.start();
  thing = await lab.thing();
});

afterAll(() => lab?.close());

describe('UpdateJob', () => {
  it('changes description and configurations, and nothing else (API reference, UpdateJob)', async () => {
    await lab.createJob('update', thing, { description: 'before', timeoutConfig: { inProgressTimeoutInMinutes: 5 } });
    const before = await lab.job('update');
    lab.advance(MINUTE);
    await lab.iot.updateJob({ jobId: 'update', description: 'after' });
    expect(await lab.job('update')).toEqual({
      ...before,
      description: 'after',
      lastUpdatedAt: new Date(lab.simulator.clock.now()),
    });
    await lab.iot.updateJob({ jobId: 'update', timeoutConfig: { inProgressTimeoutInMinutes: 9 } });
    expect(await lab.job('update')).toMatchObject({
      description: 'after',
      timeoutConfig: { inProgressTimeoutInMinutes: 9 },
    });
  });

  it('sets retries to nothing but 0 (AWS IoT developer guide, How job configurations work)', async () => {
    const criteria = (numberOfRetries: number) => ({
      criteriaList: [{ failureType: 'FAILED' as const, numberOfRetries }],
    });
    const jobId = 'retries';
    await lab.createJob(jobId, thing, { jobExecutionsRetryConfig: criteria(3) });
    await expect(lab.iot.updateJob({ jobId, jobExecutionsRetryConfig: criteria(2) })).rejects.toMatchObject(
      refusal('InvalidRequestException', 400),
    );
    await lab.iot.updateJob({ jobId, jobExecutionsRetryConfig: criteria(0) });
    await lab.dataPlane.updateJobExecution({ thingName: thing, jobId, status: 'FAILED' });
    expect(await lab.job(jobId)).toMatchObject({ status: 'COMPLETED' });
  });

  it('is refused for a job that does not exist, or has ended (API reference, UpdateJob)', async () => {
    await lab.createJob('ended', thing);
    await lab.iot.cancelJob({ jobId: 'ended' });
    await expect(lab.iot.updateJob({ jobId: 'ended', description: 'd' })).rejects.toMatchObject(
      refusal('InvalidRequestException', 400),
    );
    await expect(lab.iot.updateJob({ jobId: 'nowhere', description: 'd' })).rejects.toMatchObject(
      refusal('ResourceNotFoundException', 404),
    );
  });
});

describe('AssociateTargetsWithJob', () => {
  it('gives a CONTINUOUS job to further targets (API reference, AssociateTargetsWithJob)', async () => {
    const [first = '', second = ''] = await lab.things(2);
    await lab.group('first', first);
    await lab.group('second', second);
    await lab.createJob('continuous', '@first', { targetSelection: 'CONTINUOUS' });
    const device = await lab.device(second);
    await device.listen();
    await lab.iot.associateTargetsWithJob({ jobId: 'continuous', targets: [targetArn('@second')], comment: 'more' });
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
    expect(await lab.job('continuous')).toMatchObject({
      targets: [targetArn('@first'), targetArn('@second')],
      comment: 'more',
    });
  });

  it('is refused for a SNAPSHOT job, an ended one and an unknown one (API reference, AssociateTargetsWithJob)', async () => {
    const targets = [targetArn(thing)];
    await lab.createJob('snapshot', thing);
    await lab.group('of-none');
    await lab.createJob('over', '@of-none', { targetSelection: 'CONTINUOUS' });
    await lab.iot.cancelJob({ jobId: 'over' });
    for (const jobId of ['snapshot', 'over']) {
      await expect(lab.iot.associateTargetsWithJob({ jobId, targets })).rejects.toMatchObject(
        refusal('InvalidRequestException', 400),
      );
    }
    await expect(lab.iot.associateTargetsWithJob({ jobId: 'nowhere', targets })).rejects.toMatchObject(
      refusal('ResourceNotFoundException', 404),
    );
  });

  it('is refused beyond a hundred targets in all (API reference, AssociateTargetsWithJob)', async () => {
    const things = await lab.things(101);
    await lab.createJob('hundred', things.slice(0, 100), { targetSelection: 'CONTINUOUS' });
    await expect(
      lab.iot.associateTargetsWithJob({ jobId: 'hundred', targets: [targetArn(things.at(-1) ?? '')] }),
    ).rejects.toMatchObject(refusal('LimitExceededException', 410));
  });
});

describe('tags', () => {
  it('of a new job are listed under its ARN, and gone with it (API reference, ListTagsForResource)', async () => {
    await lab.createJob('tagged', thing, { tags: [{ Key: 'team', Value: 'pumps' }] });
    const { jobArn: resourceArn } = await lab.job('tagged');
    expect((await lab.iot.listTagsForResource({ resourceArn })).tags).toEqual([{ Key: 'team', Value: 'pumps' }]);
    await lab.iot.deleteJob({ jobId: 'tagged', force: true });
    await lab.createJob('tagged', thing);
    expect((await lab.iot.listTagsForResource({ resourceArn })).tags).toEqual([]);
  });
});

describe('a thing', () => {
  it('is shown with what the registry knows of it, and refused by name when it is gone (API reference, DescribeThing)', async () => {
    const thingName = await lab.thing();
    await lab.iot.updateThing({ thingName, attributePayload: { attributes: { model: 'pi-4' } } });
    expect(await lab.iot.describeThing({ thingName })).toMatchObject({
      thingName,
      thingArn: targetArn(thingName),
      defaultClientId: thingName,
      attributes: { model: 'pi-4' },
      version: 2,
    });
    await lab.iot.deleteThing({ thingName });
    await expect(lab.iot.describeThing({ thingName })).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  });
});

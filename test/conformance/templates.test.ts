import { paginateListJobTemplates } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARN, ConformanceLab, refusal, targetArn } from '../support/conformance-lab.ts';

/** Job templates of one's own. AWS's managed ones have a file of their own. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

const document = '{"do":"it"}';
const CONFIGURATIONS = {
  timeoutConfig: { inProgressTimeoutInMinutes: 5 },
  jobExecutionsRolloutConfig: { maximumPerMinute: 7 },
  abortConfig: {
    criteriaList: [
      { failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 50, minNumberOfExecutedThings: 2 } as const,
    ],
  },
  jobExecutionsRetryConfig: { criteriaList: [{ failureType: 'FAILED', numberOfRetries: 1 } as const] },
  presignedUrlConfig: { roleArn: 'arn:aws:iam::123456789012:role/presigner', expiresInSec: 60 },
};

/** Makes a template and returns its ARN. */
async function template(jobTemplateId: string, fields = {}): Promise<string> {
  const description = `the template ${jobTemplateId}`;
  const { jobTemplateArn = '' } = await lab.iot.createJobTemplate({ jobTemplateId, document, description, ...fields });
  return jobTemplateArn;
}

describe('a job template', () => {
  it('is made, described and deleted (API reference, CreateJobTemplate, DescribeJobTemplate, DeleteJobTemplate)', async () => {
    const description = 'reboots';
    const { $metadata, ...made } = await lab.iot.createJobTemplate({
      jobTemplateId: 'reboot',
      document,
      description,
      ...CONFIGURATIONS,
    });
    const names = { jobTemplateId: 'reboot', jobTemplateArn: `${ARN}:jobtemplate/reboot` };
    expect(made).toEqual(names);
    const { $metadata: _, ...shown } = await lab.iot.describeJobTemplate({ jobTemplateId: 'reboot' });
    const createdAt = new Date(lab.simulator.clock.now());
    expect(shown).toEqual({ ...names, description, document, createdAt, ...CONFIGURATIONS });
    await lab.iot.deleteJobTemplate({ jobTemplateId: 'reboot' });
    const gone = refusal('ResourceNotFoundException', 404);
    await expect(lab.iot.describeJobTemplate({ jobTemplateId: 'reboot' })).rejects.toMatchObject(gone);
    await expect(lab.iot.deleteJobTemplate({ jobTemplateId: 'reboot' })).rejects.toMatchObject(gone);
  });

  it('gives its document, description and configurations to a job (AWS IoT developer guide, Job templates)', async () => {
    const jobTemplateArn = await template('giving', CONFIGURATIONS);
    const device = await lab.device();
    await lab.createJob('given', device.thingName, { jobTemplateArn });
    expect(await lab.job('given')).toMatchObject({
      jobTemplateArn,
      description: 'the template giving',
      ...CONFIGURATIONS,
    });
    expect(await device.accepted('start-next')).toMatchObject({ execution: { jobDocument: { do: 'it' } } });
  });

  it('yields to what the job itself is given (AWS IoT developer guide, Job templates)', async () => {
    const jobTemplateArn = await template('yielding', CONFIGURATIONS);
    const own = { description: 'mine', timeoutConfig: { inProgressTimeoutInMinutes: 9 } };
    await lab.createJob('yielded', await lab.thing(), { jobTemplateArn, ...own });
    expect(await lab.job('yielded')).toMatchObject({ ...CONFIGURATIONS, ...own });
  });

  it('leaves its jobs alone when it is deleted (AWS IoT developer guide, Job templates)', async () => {
    const jobTemplateArn = await template('passing');
    await lab.createJob('staying', await lab.thing(), { jobTemplateArn });
    await lab.iot.deleteJobTemplate({ jobTemplateId: 'passing' });
    expect((await lab.iot.getJobDocument({ jobId: 'staying' })).document).toBe(document);
  });

  it('is made from a job too (API reference, CreateJobTemplate)', async () => {
    await lab.createJob('source', await lab.thing(), { document, ...CONFIGURATIONS });
    const jobArn = `${ARN}:job/source`;
    await lab.iot.createJobTemplate({ jobTemplateId: 'from-job', jobArn, description: 'd' });
    expect(await lab.iot.describeJobTemplate({ jobTemplateId: 'from-job' })).toMatchObject({
      document,
      ...CONFIGURATIONS,
    });
  });

  it('is refused under an id that is taken (API reference, CreateJobTemplate)', async () => {
    await template('taken');
    await expect(template('taken')).rejects.toMatchObject(refusal('ConflictException', 409));
  });

  it('is refused with two sources, or none (API reference, CreateJobTemplate)', async () => {
    const invalid = refusal('InvalidRequestException', 400);
    const names = { jobTemplateId: 'refused', description: 'd' };
    await expect(lab.iot.createJobTemplate(names)).rejects.toMatchObject(invalid);
    const documentSource = 'https://bucket.s3.amazonaws.com/key';
    await expect(lab.iot.createJobTemplate({ ...names, document, documentSource })).rejects.toMatchObject(invalid);
  });

  it('takes no document parameters: those are for managed templates (API reference, CreateJob)', async () => {
    const jobTemplateArn = await template('plain');
    const targets = [targetArn(await lab.thing())];
    const refused = lab.iot.createJob({ jobId: 'x', targets, jobTemplateArn, documentParameters: { a: 'b' } });
    await expect(refused).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });

  it('that does not exist makes no job (API reference, CreateJob)', async () => {
    const jobTemplateArn = `${ARN}:jobtemplate/nowhere`;
    await expect(lab.createJob('x', await lab.thing(), { jobTemplateArn })).rejects.toMatchObject(
      refusal('ResourceNotFoundException', 404),
    );
  });

  it('is on one of the pages that the SDK’s paginator reads (API reference, ListJobTemplates)', async () => {
    for (const id of ['l-1', 'l-2', 'l-3']) await template(id);
    const listed = [];
    for await (const { jobTemplates = [] } of paginateListJobTemplates({ client: lab.iot, pageSize: 2 }, {})) {
      expect(jobTemplates.length).toBeLessThanOrEqual(2);
      listed.push(...jobTemplates);
    }
    expect(new Set(listed.map(({ jobTemplateId }) => jobTemplateId)).size).toBe(listed.length);
    expect(listed.find(({ jobTemplateId }) => jobTemplateId === 'l-2')).toEqual({
      jobTemplateId: 'l-2',
      jobTemplateArn: `${ARN}:jobtemplate/l-2`,
      description: 'the template l-2',
      createdAt: new Date(lab.simulator.clock.now()),
    });
  });
});

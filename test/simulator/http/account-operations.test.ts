import {
  CreatePolicyCommand,
  CreateProvisioningTemplateCommand,
  CreateStreamCommand,
  CreateThingGroupCommand,
  DeletePolicyCommand,
  DeleteProvisioningTemplateCommand,
  DeleteStreamCommand,
  DeleteThingGroupCommand,
  DescribeEndpointCommand,
  DescribeEventConfigurationsCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UpdateEventConfigurationsCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlPlaneLab, openControlPlane, ROLE_ARN, refusal } from './control-plane-lab.ts';

const ARN = 'arn:aws:iot:us-east-1:123456789012';
let lab: ControlPlaneLab;

beforeAll(async () => {
  lab = await openControlPlane();
});

afterAll(() => lab.close());

test('the endpoint is a host with its port', async () => {
  const { endpointAddress } = await lab.iot.send(new DescribeEndpointCommand({ endpointType: 'iot:Data-ATS' }));
  expect(endpointAddress).toBe('127.0.0.1:8883');
  const other = new DescribeEndpointCommand({ endpointType: 'iot:CredentialProvider' });
  await expect(lab.iot.send(other)).rejects.toMatchObject(
    refusal('InvalidRequestException', 400, 'endpointType: "iot:CredentialProvider" is not simulated'),
  );
});

test('all events are off at first, and each is switched by itself', async () => {
  const describe = async () => lab.iot.send(new DescribeEventConfigurationsCommand({}));
  const update = (eventConfigurations: object) =>
    lab.iot.send(new UpdateEventConfigurationsCommand({ eventConfigurations }));
  const { eventConfigurations, creationDate } = await describe();
  expect(Object.keys(eventConfigurations ?? {})).toHaveLength(11);
  expect(Object.values(eventConfigurations ?? {}).every(({ Enabled }) => Enabled === false)).toBe(true);
  expect(creationDate).toBeUndefined();
  await update({ JOB: { Enabled: true }, CA_CERTIFICATE: { Enabled: true } });
  expect(lab.registry.eventEnabled('JOB')).toBe(true);
  expect(lab.registry.eventEnabled('JOB_EXECUTION')).toBe(false);
  await update({ JOB_EXECUTION: { Enabled: true }, JOB: {} });
  expect(lab.registry.eventEnabled('JOB')).toBe(false);
  const after = await describe();
  expect(after.eventConfigurations).toMatchObject({
    JOB: { Enabled: false },
    JOB_EXECUTION: { Enabled: true },
    CA_CERTIFICATE: { Enabled: true },
  });
  expect(after.creationDate).toBeInstanceOf(Date);
  expect(after.lastModifiedDate).toBeInstanceOf(Date);
  await expect(update({ WEATHER: { Enabled: true } })).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

async function tagsOf(resourceArn: string | undefined) {
  return (await lab.iot.send(new ListTagsForResourceCommand({ resourceArn }))).tags;
}

const tag = (resourceArn: string | undefined, tags: { Key: string; Value?: string }[]) =>
  lab.iot.send(new TagResourceCommand({ resourceArn, tags }));

test('groups, policies, templates and streams are born with tags, which go with them', async () => {
  const tags = [{ Key: 'team', Value: 'light' }];
  const { thingGroupArn } = await lab.iot.send(new CreateThingGroupCommand({ thingGroupName: 'g', tags }));
  const policyDocument = '{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}';
  const { policyArn } = await lab.iot.send(new CreatePolicyCommand({ policyName: 'p', policyDocument, tags }));
  const { templateArn } = await lab.iot.send(
    new CreateProvisioningTemplateCommand({
      ...{ templateName: 't', templateBody: '{"Resources":{}}', provisioningRoleArn: ROLE_ARN, tags },
    }),
  );
  const { streamArn } = await lab.iot.send(
    new CreateStreamCommand({ streamId: 's', files: [{ fileId: 1 }], roleArn: ROLE_ARN, tags }),
  );
  const arns = [thingGroupArn, policyArn, templateArn, streamArn];
  for (const arn of arns) expect(await tagsOf(arn)).toEqual(tags);
  // The same group again is the one that is there, with the tags it has.
  await lab.iot.send(new CreateThingGroupCommand({ thingGroupName: 'g', tags: [{ Key: 'other' }] }));
  expect(await tagsOf(thingGroupArn)).toEqual(tags);
  await lab.iot.send(new DeleteThingGroupCommand({ thingGroupName: 'g' }));
  await lab.iot.send(new DeletePolicyCommand({ policyName: 'p' }));
  await lab.iot.send(new DeleteProvisioningTemplateCommand({ templateName: 't' }));
  await lab.iot.send(new DeleteStreamCommand({ streamId: 's' }));
  for (const arn of arns) expect(lab.registry.tags.list(arn ?? '')).toEqual([]);
});

test('tags are added, and one of a known key gets another value', async () => {
  await lab.iot.send(new CreateThingGroupCommand({ thingGroupName: 'tagged' }));
  const arn = `${ARN}:thinggroup/tagged`;
  await tag(arn, [{ Key: 'a', Value: '1' }]);
  await tag(arn, [{ Key: 'a', Value: '2' }, { Key: 'b' }]);
  expect(await tagsOf(arn)).toEqual([{ Key: 'a', Value: '2' }, { Key: 'b' }]);
  expect(lab.registry.tags.list(arn)).toHaveLength(2);
});

test('tags keep to their limits', async () => {
  const arn = `${ARN}:thinggroup/limited`;
  const many = Array.from({ length: 51 }, (_, index) => ({ Key: `k${index}` }));
  const invalid = refusal('InvalidRequestException', 400);
  const create = new CreateThingGroupCommand({ thingGroupName: 'limited', tags: many });
  await expect(lab.iot.send(create)).rejects.toMatchObject(invalid);
  await expect(tagsOf(arn)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  await lab.iot.send(new CreateThingGroupCommand({ thingGroupName: 'limited' }));
  await tag(arn, many.slice(0, 50));
  await expect(tag(arn, [{ Key: 'one-more' }])).rejects.toMatchObject(refusal('LimitExceededException', 410));
  await expect(tag(arn, [{ Key: 'aws:own' }])).rejects.toMatchObject(invalid);
  await expect(tag(arn, [{ Key: 'a*b' }])).rejects.toMatchObject(invalid);
  await expect(tag(arn, [{ Key: 'k1' }, { Key: 'k1' }])).rejects.toMatchObject(invalid);
  await expect(tag(arn, [{ Key: 'k1', Value: 'v'.repeat(257) }])).rejects.toMatchObject(invalid);
});

test('things have no tags, and what does not exist has none either', async () => {
  lab.registry.things.create('untagged');
  const invalid = refusal('InvalidRequestException', 400);
  await expect(tag(`${ARN}:thing/untagged`, [{ Key: 'a' }])).rejects.toMatchObject(invalid);
  await expect(tagsOf('arn:aws:iot:eu-west-1:999999999999:policy/p')).rejects.toMatchObject(invalid);
  for (const kind of ['thinggroup', 'policy', 'provisioningtemplate', 'stream']) {
    const missing = refusal('ResourceNotFoundException', 404);
    await expect(tag(`${ARN}:${kind}/never`, [{ Key: 'a' }])).rejects.toMatchObject(missing);
  }
});

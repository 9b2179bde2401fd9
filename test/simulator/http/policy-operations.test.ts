import {
  AttachPolicyCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateThingGroupCommand,
  DeletePolicyCommand,
  DetachPolicyCommand,
  GetPolicyCommand,
  ListAttachedPoliciesCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlPlaneLab, openControlPlane, refusal } from './control-plane-lab.ts';

let lab: ControlPlaneLab;

beforeAll(async () => {
  lab = await openControlPlane();
});

afterAll(() => lab.close());

function allow(resource: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource: resource }],
  });
}

const create = (policyName: string, policyDocument = allow('*')) =>
  lab.iot.send(new CreatePolicyCommand({ policyName, policyDocument }));
const attach = (policyName: string, target: string | undefined) =>
  lab.iot.send(new AttachPolicyCommand({ policyName, target }));
const detach = (policyName: string, target: string | undefined) =>
  lab.iot.send(new DetachPolicyCommand({ policyName, target }));
const remove = (policyName: string) => lab.iot.send(new DeletePolicyCommand({ policyName }));

async function group(thingGroupName: string, parentGroupName?: string): Promise<string | undefined> {
  return (await lab.iot.send(new CreateThingGroupCommand({ thingGroupName, parentGroupName }))).thingGroupArn;
}

async function certificate() {
  return lab.iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
}

async function attached(target: string | undefined, recursive?: boolean) {
  const { policies } = await lab.iot.send(new ListAttachedPoliciesCommand({ target, recursive }));
  return policies?.map((policy) => policy.policyName);
}

test('a policy is created, read and deleted', async () => {
  const created = await create('first');
  expect(created).toMatchObject({
    policyName: 'first',
    policyArn: 'arn:aws:iot:us-east-1:123456789012:policy/first',
    policyDocument: allow('*'),
    policyVersionId: '1',
  });
  const read = new GetPolicyCommand({ policyName: 'first' });
  expect(await lab.iot.send(read)).toMatchObject({
    policyDocument: allow('*'),
    defaultVersionId: '1',
    creationDate: expect.any(Date),
    generationId: expect.any(String),
  });
  await expect(create('first', allow('arn:aws:iot:us-east-1:123456789012:topic/a'))).rejects.toMatchObject(
    refusal('ResourceAlreadyExistsException', 409),
  );
  await remove('first');
  await expect(lab.iot.send(read)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  await expect(remove('first')).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('a document that is no policy is a MalformedPolicyException', async () => {
  await expect(create('bad', '{"Version":"2012-10-17"}')).rejects.toMatchObject(
    refusal('MalformedPolicyException', 400, expect.stringContaining('Statement[0]: expected an object')),
  );
  await expect(create('with space')).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

test('a policy is attached to a certificate and to a group, and stays until it is detached from both', async () => {
  await create('shared');
  const { certificateArn } = await certificate();
  const groupArn = await group('shared-group');
  for (const target of [certificateArn, groupArn]) {
    await attach('shared', target);
    await attach('shared', target);
    expect(await attached(target)).toEqual(['shared']);
    await expect(remove('shared')).rejects.toMatchObject(refusal('DeleteConflictException', 409));
    await detach('shared', target);
    await detach('shared', target);
    expect(await attached(target)).toEqual([]);
  }
  await remove('shared');
});

test('a group has its own policies and, recursively, those of its ancestors', async () => {
  for (const name of ['of-root', 'of-leaf']) await create(name);
  const root = await group('policy-root');
  const leaf = await group('policy-leaf', 'policy-root');
  await attach('of-root', root);
  await attach('of-leaf', leaf);
  expect(await attached(leaf)).toEqual(['of-leaf']);
  expect(await attached(leaf, true)).toEqual(['of-leaf', 'of-root']);
  expect(await attached(root, true)).toEqual(['of-root']);
});

test('what decides about a connection: its certificate, and the groups of its thing with their ancestors', async () => {
  const { registry } = lab;
  const { certificateArn, certificateId = '' } = await certificate();
  const root = await group('facts-root');
  const leaf = await group('facts-leaf', 'facts-root');
  await create('own', allow('arn:own'));
  await create('root', allow('arn:root'));
  await create('leaf', allow('arn:leaf'));
  await attach('own', certificateArn);
  await attach('own', leaf);
  await attach('root', root);
  await attach('leaf', leaf);
  registry.things.create('member');
  registry.membership.add('member', 'facts-leaf');
  expect(registry.policyDocumentsOf(certificateId)).toEqual([allow('arn:own')]);
  expect(registry.policyDocumentsOf(certificateId, 'member').toSorted()).toEqual(
    ['arn:leaf', 'arn:own', 'arn:root'].map(allow),
  );
  expect(registry.policyDocumentsOf(certificateId, 'nobody')).toEqual([allow('arn:own')]);
  expect(registry.policyDocumentsOf('0'.repeat(64))).toEqual([]);
});

test('attached policies come in pages', async () => {
  const { certificateArn } = await certificate();
  for (const name of ['a1', 'a2', 'a3']) {
    await create(name);
    await attach(name, certificateArn);
  }
  const first = await lab.iot.send(new ListAttachedPoliciesCommand({ target: certificateArn, pageSize: 2 }));
  expect(first.policies?.map((policy) => policy.policyName)).toEqual(['a1', 'a2']);
  const next = { target: certificateArn, pageSize: 2, marker: first.nextMarker };
  const second = await lab.iot.send(new ListAttachedPoliciesCommand(next));
  expect(second.policies?.map((policy) => policy.policyName)).toEqual(['a3']);
});

test('a policy or target that does not exist is not attached', async () => {
  const missing = refusal('ResourceNotFoundException', 404);
  const { certificateArn } = await certificate();
  await expect(attach('nowhere', certificateArn)).rejects.toMatchObject(missing);
  await create('there');
  const arn = 'arn:aws:iot:us-east-1:123456789012';
  await expect(attach('there', `${arn}:cert/${'0'.repeat(64)}`)).rejects.toMatchObject(missing);
  await expect(attach('there', `${arn}:thinggroup/nowhere`)).rejects.toMatchObject(missing);
  await expect(attach('there', `${arn}:thing/t`)).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

test('a certificate has 10 policies at most, a group two', async () => {
  const { certificateArn } = await certificate();
  const groupArn = await group('limited');
  for (let index = 0; index <= 10; index += 1) await create(`limit${index}`);
  const limit = refusal('LimitExceededException', 410);
  for (let index = 0; index < 10; index += 1) await attach(`limit${index}`, certificateArn);
  await expect(attach('limit10', certificateArn)).rejects.toMatchObject(limit);
  for (let index = 0; index < 2; index += 1) await attach(`limit${index}`, groupArn);
  await expect(attach('limit2', groupArn)).rejects.toMatchObject(limit);
});

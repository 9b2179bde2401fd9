import {
  AddThingToThingGroupCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeleteThingGroupCommand,
  DescribeThingGroupCommand,
  ListTagsForResourceCommand,
  ListThingGroupsCommand,
  ListThingGroupsForThingCommand,
  ListThingsInThingGroupCommand,
  RemoveThingFromThingGroupCommand,
  UpdateThingGroupCommand,
  UpdateThingGroupsForThingCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlPlaneLab, openControlPlane, refusal } from './control-plane-lab.ts';

const ARN = 'arn:aws:iot:us-east-1:123456789012';
let lab: ControlPlaneLab;

beforeAll(async () => {
  lab = await openControlPlane();
});

afterAll(() => lab.close());

const create = (thingGroupName: string, parentGroupName?: string) =>
  lab.iot.send(new CreateThingGroupCommand({ thingGroupName, parentGroupName }));
const thing = (thingName: string) => lab.iot.send(new CreateThingCommand({ thingName }));
const add = (thingName: string, thingGroupName: string) =>
  lab.iot.send(new AddThingToThingGroupCommand({ thingName, thingGroupName }));
const remove = (thingGroupName: string) => lab.iot.send(new DeleteThingGroupCommand({ thingGroupName }));

async function members(thingGroupName: string, recursive?: boolean): Promise<string[] | undefined> {
  return (await lab.iot.send(new ListThingsInThingGroupCommand({ thingGroupName, recursive }))).things;
}

async function groupsOf(thingName: string): Promise<(string | undefined)[] | undefined> {
  const { thingGroups } = await lab.iot.send(new ListThingGroupsForThingCommand({ thingName }));
  return thingGroups?.map((group) => group.groupName);
}

test('a group is updated, and its version is counted and can be expected', async () => {
  const thingGroupName = 'updated';
  await create(thingGroupName);
  const change = (attributes: Record<string, string>, merge: boolean, expectedVersion?: number) =>
    lab.iot.send(
      new UpdateThingGroupCommand({
        thingGroupName,
        thingGroupProperties: { thingGroupDescription: 'new', attributePayload: { attributes, merge } },
        expectedVersion,
      }),
    );
  expect((await change({ a: '1' }, false)).version).toBe(2);
  expect((await change({ b: '2' }, true, 2)).version).toBe(3);
  await expect(change({ c: '3' }, true, 2)).rejects.toMatchObject(refusal('VersionConflictException', 409));
  expect(await lab.iot.send(new DescribeThingGroupCommand({ thingGroupName }))).toMatchObject({
    version: 3,
    thingGroupProperties: { thingGroupDescription: 'new', attributePayload: { attributes: { a: '1', b: '2' } } },
  });
  await expect(
    lab.iot.send(new UpdateThingGroupCommand({ thingGroupName: 'none', thingGroupProperties: {} })),
  ).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('a thing is moved from groups to groups at once, or not at all', async () => {
  await Promise.all([create('from'), create('to'), thing('mover')]);
  await add('mover', 'from');
  const move = (thingGroupsToAdd: string[]) =>
    lab.iot.send(
      new UpdateThingGroupsForThingCommand({ thingName: 'mover', thingGroupsToAdd, thingGroupsToRemove: ['from'] }),
    );
  await expect(move(['none'])).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  expect(await groupsOf('mover')).toEqual(['from']);
  await move(['to']);
  expect(await groupsOf('mover')).toEqual(['to']);
});

test('a group is created with its properties and tags, described, and deleted', async () => {
  const created = await lab.iot.send(
    new CreateThingGroupCommand({
      thingGroupName: 'lamps',
      thingGroupProperties: {
        thingGroupDescription: 'all the lamps',
        attributePayload: { attributes: { brightness: '3400_lumens' } },
      },
      tags: [{ Key: 'team', Value: 'light' }],
    }),
  );
  expect(created.thingGroupArn).toBe(`${ARN}:thinggroup/lamps`);
  const { $metadata: _, ...described } = await lab.iot.send(new DescribeThingGroupCommand({ thingGroupName: 'lamps' }));
  expect(described).toEqual({
    thingGroupName: 'lamps',
    thingGroupId: created.thingGroupId,
    thingGroupArn: created.thingGroupArn,
    version: 1,
    thingGroupProperties: {
      thingGroupDescription: 'all the lamps',
      attributePayload: { attributes: { brightness: '3400_lumens' } },
    },
    thingGroupMetadata: { creationDate: expect.any(Date) },
  });
  const tags = () => lab.iot.send(new ListTagsForResourceCommand({ resourceArn: created.thingGroupArn }));
  expect((await tags()).tags).toEqual([{ Key: 'team', Value: 'light' }]);
  await remove('lamps');
  await expect(tags()).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  const describe = new DescribeThingGroupCommand({ thingGroupName: 'lamps' });
  await expect(lab.iot.send(describe)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  await remove('lamps');
  await create('lamps');
  expect((await tags()).tags).toEqual([]);
});

test('the same group again is the same group, another with its name a conflict', async () => {
  const { thingGroupId } = await create('same');
  expect((await create('same')).thingGroupId).toBe(thingGroupId);
  const other = new CreateThingGroupCommand({
    thingGroupName: 'same',
    thingGroupProperties: { thingGroupDescription: 'x' },
  });
  await expect(lab.iot.send(other)).rejects.toMatchObject(refusal('ResourceAlreadyExistsException', 409));
  await create('parent-of-same');
  await expect(create('same', 'parent-of-same')).rejects.toMatchObject({ name: 'ResourceAlreadyExistsException' });
});

test('a nested group tells of its parents, the root first', async () => {
  await create('root');
  await create('middle', 'root');
  await create('leaf', 'middle');
  const { thingGroupMetadata } = await lab.iot.send(new DescribeThingGroupCommand({ thingGroupName: 'leaf' }));
  expect(thingGroupMetadata).toEqual({
    parentGroupName: 'middle',
    rootToParentThingGroups: [
      { groupName: 'root', groupArn: `${ARN}:thinggroup/root` },
      { groupName: 'middle', groupArn: `${ARN}:thinggroup/middle` },
    ],
    creationDate: expect.any(Date),
  });
});

test('groups are listed by parent, with their descendants, by prefix, and in pages', async () => {
  const list = async (input: ListThingGroupsCommand['input']) => {
    const answer = await lab.iot.send(new ListThingGroupsCommand(input));
    return answer.thingGroups?.map((group) => group.groupName);
  };
  await create('l-root');
  await create('l-a', 'l-root');
  await create('l-b', 'l-a');
  expect(await list({ parentGroup: 'l-root' })).toEqual(['l-a']);
  expect(await list({ parentGroup: 'l-root', recursive: true })).toEqual(['l-a', 'l-b']);
  expect(await list({ namePrefixFilter: 'l-' })).toEqual(['l-a', 'l-b', 'l-root']);
  expect(await list({ namePrefixFilter: 'l-', recursive: false })).toEqual(['l-root']);
  const { nextToken } = await lab.iot.send(new ListThingGroupsCommand({ namePrefixFilter: 'l-', maxResults: 2 }));
  expect(await list({ namePrefixFilter: 'l-', maxResults: 2, nextToken })).toEqual(['l-root']);
  await expect(list({ parentGroup: 'nowhere' })).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('a hierarchy is at most 7 groups deep, and its parent has to exist', async () => {
  await expect(create('orphan', 'nowhere')).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  await create('d1');
  for (let depth = 2; depth <= 7; depth += 1) await create(`d${depth}`, `d${depth - 1}`);
  await expect(create('d8', 'd7')).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

test('names, descriptions and attributes keep to the limits of the service model', async () => {
  const invalid = refusal('InvalidRequestException', 400);
  await expect(create('a b')).rejects.toMatchObject(invalid);
  const properties = (thingGroupProperties: CreateThingGroupCommand['input']['thingGroupProperties']) =>
    lab.iot.send(new CreateThingGroupCommand({ thingGroupName: 'limits', thingGroupProperties }));
  await expect(properties({ thingGroupDescription: 'x'.repeat(2029) })).rejects.toMatchObject(invalid);
  await expect(properties({ thingGroupDescription: 'two\nlines' })).rejects.toMatchObject(invalid);
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`a${index}`, '1']));
  await expect(properties({ attributePayload: { attributes: many } })).rejects.toMatchObject(invalid);
});

test('a group with child groups, or of another version, is not deleted', async () => {
  await create('keep');
  await create('keep-child', 'keep');
  await expect(remove('keep')).rejects.toMatchObject(
    refusal(
      'InvalidRequestException',
      400,
      'Cannot delete thing group : keep when there are still child groups attached to it.',
    ),
  );
  await remove('keep-child');
  const expected = new DeleteThingGroupCommand({ thingGroupName: 'keep', expectedVersion: 2 });
  await expect(lab.iot.send(expected)).rejects.toMatchObject(refusal('VersionConflictException', 409));
  await remove('keep');
});

test('things are added by name or by ARN, listed with and without child groups, and removed', async () => {
  await create('site');
  await create('hall', 'site');
  await thing('t1');
  await thing('t2');
  await add('t1', 'site');
  await add('t1', 'site');
  await lab.iot.send(
    new AddThingToThingGroupCommand({ thingArn: `${ARN}:thing/t2`, thingGroupArn: `${ARN}:thinggroup/hall` }),
  );
  expect(await members('site')).toEqual(['t1']);
  expect(await members('site', true)).toEqual(['t1', 't2']);
  expect(await groupsOf('t2')).toEqual(['hall', 'site']);
  const leave = new RemoveThingFromThingGroupCommand({ thingName: 't2', thingGroupName: 'hall' });
  await lab.iot.send(leave);
  await lab.iot.send(leave);
  expect(await members('site', true)).toEqual(['t1']);
  await remove('hall');
  await remove('site');
  expect(await groupsOf('t1')).toEqual([]);
});

test('a member is named once or twice alike, and both it and the group exist', async () => {
  await create('g1');
  await thing('m1');
  await thing('m2');
  const invalid = refusal('InvalidRequestException', 400);
  const missing = refusal('ResourceNotFoundException', 404);
  const send = (input: AddThingToThingGroupCommand['input']) => lab.iot.send(new AddThingToThingGroupCommand(input));
  await expect(send({ thingGroupName: 'g1' })).rejects.toMatchObject(invalid);
  await expect(send({ thingName: 'm1' })).rejects.toMatchObject(invalid);
  const two = { thingName: 'm1', thingArn: `${ARN}:thing/m2`, thingGroupName: 'g1' };
  await expect(send(two)).rejects.toMatchObject(invalid);
  await expect(send({ thingArn: 'arn:other', thingGroupName: 'g1' })).rejects.toMatchObject(invalid);
  await expect(send({ thingName: 'nobody', thingGroupName: 'g1' })).rejects.toMatchObject(missing);
  await expect(send({ thingName: 'm1', thingGroupName: 'nowhere' })).rejects.toMatchObject(missing);
  await expect(members('nowhere')).rejects.toMatchObject(missing);
  await expect(groupsOf('nobody')).rejects.toMatchObject(missing);
});

test('a thing is in one group of a hierarchy, and in 10 groups at most', async () => {
  await thing('busy');
  await create('h');
  await create('h1', 'h');
  await create('h2', 'h');
  await add('busy', 'h1');
  await expect(add('busy', 'h2')).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  await expect(add('busy', 'h')).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  for (let index = 2; index <= 10; index += 1) {
    await create(`single${index}`);
    await add('busy', `single${index}`);
  }
  await create('single11');
  await expect(add('busy', 'single11')).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

import {
  CreateThingCommand,
  DeleteThingCommand,
  DescribeThingCommand,
  ListThingsCommand,
  UpdateThingCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlPlaneLab, openControlPlane, refusal } from './control-plane-lab.ts';

let lab: ControlPlaneLab;

beforeAll(async () => {
  lab = await openControlPlane();
});

afterAll(() => lab.close());

async function create(thingName: string, attributes: Record<string, string> = {}): Promise<void> {
  await lab.iot.send(new CreateThingCommand({ thingName, attributePayload: { attributes } }));
}

const describe = (thingName: string) => lab.iot.send(new DescribeThingCommand({ thingName }));

test('a thing is created, described, listed and deleted', async () => {
  const created = await lab.iot.send(
    new CreateThingCommand({ thingName: 'line:1_a-b', attributePayload: { attributes: { site: 'north' } } }),
  );
  expect(created.thingArn).toBe('arn:aws:iot:us-east-1:123456789012:thing/line:1_a-b');
  const { $metadata: _, ...described } = await describe('line:1_a-b');
  expect(described).toEqual({
    defaultClientId: 'line:1_a-b',
    thingName: 'line:1_a-b',
    thingId: created.thingId,
    thingArn: created.thingArn,
    attributes: { site: 'north' },
    version: 1,
  });
  const { things } = await lab.iot.send(new ListThingsCommand({}));
  expect(things).toContainEqual({
    thingName: 'line:1_a-b',
    thingArn: created.thingArn,
    attributes: { site: 'north' },
    version: 1,
  });
  await lab.iot.send(new DeleteThingCommand({ thingName: 'line:1_a-b' }));
  await expect(describe('line:1_a-b')).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('the same thing again is the same thing, another with its name a conflict', async () => {
  const thingName = 'n'.repeat(128);
  const { thingId } = await lab.iot.send(new CreateThingCommand({ thingName }));
  expect((await lab.iot.send(new CreateThingCommand({ thingName }))).thingId).toBe(thingId);
  await expect(create(thingName, { a: '1' })).rejects.toMatchObject(refusal('ResourceAlreadyExistsException', 409));
});

test('a deleted thing that does not exist is no error', async () => {
  await lab.iot.send(new DeleteThingCommand({ thingName: 'never-was' }));
});

test('attributes are replaced by an update, or merged, and an empty value removes one', async () => {
  await create('pump', { a: '1', b: '2' });
  const update = (attributes: Record<string, string>, merge?: boolean) =>
    lab.iot.send(new UpdateThingCommand({ thingName: 'pump', attributePayload: { attributes, merge } }));
  await update({ b: '3', c: '4' }, true);
  expect(await describe('pump')).toMatchObject({ attributes: { a: '1', b: '3', c: '4' }, version: 2 });
  await update({ a: '' }, true);
  expect((await describe('pump')).attributes).toEqual({ b: '3', c: '4' });
  await update({ d: '5' });
  expect(await describe('pump')).toMatchObject({ attributes: { d: '5' }, version: 4 });
});

test('an update or deletion that expects another version is a VersionConflictException', async () => {
  await create('versioned');
  const update = (expectedVersion: number) =>
    lab.iot.send(new UpdateThingCommand({ thingName: 'versioned', expectedVersion }));
  await update(1);
  await expect(update(1)).rejects.toMatchObject(refusal('VersionConflictException', 409));
  const remove = (expectedVersion: number) =>
    lab.iot.send(new DeleteThingCommand({ thingName: 'versioned', expectedVersion }));
  await expect(remove(1)).rejects.toMatchObject(refusal('VersionConflictException', 409));
  await remove(2);
});

test('a thing that does not exist is not updated', async () => {
  const update = new UpdateThingCommand({ thingName: 'never-was' });
  await expect(lab.iot.send(update)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('attributes keep to the limits of the service model', async () => {
  const invalid = refusal('InvalidRequestException', 400);
  await expect(create('x', { a: '1', b: '2', c: '3', d: '4' })).rejects.toMatchObject(invalid);
  await expect(create('x', { 'a b': '1' })).rejects.toMatchObject(invalid);
  await expect(create('x', { ['a'.repeat(129)]: '1' })).rejects.toMatchObject(invalid);
  await expect(create('x', { a: 'with space' })).rejects.toMatchObject(invalid);
  await expect(create('x', { a: 'v'.repeat(801) })).rejects.toMatchObject(invalid);
  await expect(describe('x')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  await create('y', { [`${'a'.repeat(118)}_.,@/:#-`]: `${'v'.repeat(780)}_.,@/:#=[]-`, constructor: 'own' });
  expect((await describe('y')).attributes).toMatchObject({ constructor: 'own' });
});

test('only an update can merge attributes', async () => {
  const merging = new CreateThingCommand({ thingName: 'm', attributePayload: { attributes: { a: '1' }, merge: true } });
  await expect(lab.iot.send(merging)).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

test('things are found by an attribute, its value or the beginning of it', async () => {
  await create('f1', { colour: 'red' });
  await create('f2', { colour: 'redder' });
  await create('f3', { colour: 'blue' });
  const find = async (filter: ListThingsCommand['input']) =>
    (await lab.iot.send(new ListThingsCommand(filter))).things?.map((thing) => thing.thingName);
  expect(await find({ attributeName: 'colour', attributeValue: 'red' })).toEqual(['f1']);
  const prefix = { attributeName: 'colour', attributeValue: 'red', usePrefixAttributeValue: true };
  expect(await find(prefix)).toEqual(['f1', 'f2']);
  expect(await find({ attributeName: 'colour' })).toEqual(['f1', 'f2', 'f3']);
  expect(await find({ attributeName: 'toString' })).toEqual([]);
  expect(await find({ thingTypeName: 'lamp' })).toEqual([]);
  await expect(find({ attributeValue: 'red' })).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

test('lists come in pages, and what is deleted in between costs nothing else', async () => {
  const names = ['page-1', 'page-2', 'page-3', 'page-4', 'page-5'];
  for (const thingName of names) await create(thingName, { paged: 'yes' });
  const found: (string | undefined)[] = [];
  let nextToken: string | undefined;
  do {
    const filter = { attributeName: 'paged', maxResults: 2, nextToken };
    const answer = await lab.iot.send(new ListThingsCommand(filter));
    expect(answer.things?.length).toBeLessThanOrEqual(2);
    for (const { thingName } of answer.things ?? []) {
      found.push(thingName);
      await lab.iot.send(new DeleteThingCommand({ thingName }));
    }
    nextToken = answer.nextToken;
  } while (nextToken);
  expect(found).toEqual(names);
});

test('a list that fits its page has no token', async () => {
  for (const thingName of ['exact-1', 'exact-2']) await create(thingName, { exact: 'yes' });
  const answer = await lab.iot.send(new ListThingsCommand({ attributeName: 'exact', maxResults: 2 }));
  expect(answer.things).toHaveLength(2);
  expect(answer.nextToken).toBeUndefined();
});

test('a page has between 1 and 250 entries, and its token is one of ours', async () => {
  const invalid = refusal('InvalidRequestException', 400);
  await expect(lab.iot.send(new ListThingsCommand({ maxResults: 0 }))).rejects.toMatchObject(invalid);
  await expect(lab.iot.send(new ListThingsCommand({ maxResults: 251 }))).rejects.toMatchObject(invalid);
  await lab.iot.send(new ListThingsCommand({ maxResults: 250 }));
  await expect(lab.iot.send(new ListThingsCommand({ nextToken: '%%' }))).rejects.toMatchObject(invalid);
});

test('fields that would have no effect, and fields that the model does not have, are refused by name', async () => {
  const typed = new CreateThingCommand({ thingName: 'typed', thingTypeName: 'pump' });
  await expect(lab.iot.send(typed)).rejects.toMatchObject(
    refusal('InvalidRequestException', 400, 'thingTypeName is not simulated'),
  );
  const refused = (message: string) => ({ status: 400, type: 'InvalidRequestException', message });
  expect(await lab.send('POST', '/things/typed', { colour: 'red' })).toEqual(refused('colour: unknown field'));
  expect(await lab.send('POST', '/things/typed', { constructor: 1 })).toEqual(refused('constructor: unknown field'));
  expect(await lab.send('GET', '/things?colour=red')).toEqual(refused('colour: unknown field'));
  expect(await lab.send('POST', '/things/typed', { attributePayload: { attributes: { a: 5 } } })).toEqual(
    refused('attributePayload.attributes: Expected strings by name'),
  );
  expect(await lab.send('POST', '/things/typed', { thingTypeName: null, attributePayload: null })).toMatchObject({
    status: 200,
  });
});

test('a presigned request may carry its signature in the query', async () => {
  expect(await lab.send('GET', '/things?X-Amz-Signature=0')).toMatchObject({ status: 200 });
});

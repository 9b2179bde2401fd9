import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  ListStreamsCommand,
  UpdateStreamCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlPlaneLab, openControlPlane, ROLE_ARN, refusal } from './control-plane-lab.ts';

const FILES = [{ fileId: 0, s3Location: { bucket: 'firmware', key: 'v1.bin', version: 'x' } }];
let lab: ControlPlaneLab;

beforeAll(async () => {
  lab = await openControlPlane();
});

afterAll(() => lab.close());

const create = (streamId: string, changes: Partial<CreateStreamCommand['input']> = {}) =>
  lab.iot.send(new CreateStreamCommand({ streamId, files: FILES, roleArn: ROLE_ARN, ...changes }));

test('a stream is created, described, updated, listed and deleted', async () => {
  const streamArn = 'arn:aws:iot:us-east-1:123456789012:stream/s1';
  expect(await create('s1', { description: 'firmware' })).toMatchObject({
    streamId: 's1',
    streamArn,
    description: 'firmware',
    streamVersion: 1,
  });
  lab.clock.advance(5000);
  const files = [{ fileId: 7, s3Location: { bucket: 'firmware', key: 'v2.bin' } }];
  const updated = await lab.iot.send(new UpdateStreamCommand({ streamId: 's1', files }));
  expect(updated).toMatchObject({ streamId: 's1', streamArn, streamVersion: 2, description: 'firmware' });
  const describe = new DescribeStreamCommand({ streamId: 's1' });
  const { streamInfo } = await lab.iot.send(describe);
  expect(streamInfo).toEqual({
    streamId: 's1',
    streamArn,
    streamVersion: 2,
    description: 'firmware',
    files,
    createdAt: expect.any(Date),
    lastUpdatedAt: expect.any(Date),
    roleArn: ROLE_ARN,
  });
  expect(Number(streamInfo?.lastUpdatedAt)).toBeGreaterThan(Number(streamInfo?.createdAt));
  await create('s2');
  const list = async (input: ListStreamsCommand['input']) =>
    (await lab.iot.send(new ListStreamsCommand(input))).streams?.map((stream) => stream.streamId);
  expect(await list({ ascendingOrder: true })).toEqual(['s1', 's2']);
  expect(await list({})).toEqual(['s2', 's1']);
  expect(await list({ maxResults: 1 })).toEqual(['s2']);
  await lab.iot.send(new DeleteStreamCommand({ streamId: 's1' }));
  await expect(lab.iot.send(describe)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('a stream exists once, and only one that exists is updated or deleted', async () => {
  await create('once');
  await expect(create('once')).rejects.toMatchObject(refusal('ResourceAlreadyExistsException', 409));
  const missing = refusal('ResourceNotFoundException', 404);
  await expect(lab.iot.send(new UpdateStreamCommand({ streamId: 'never' }))).rejects.toMatchObject(missing);
  await expect(lab.iot.send(new DeleteStreamCommand({ streamId: 'never' }))).rejects.toMatchObject(missing);
});

test('streams keep to the limits of the service model', async () => {
  const invalid = refusal('InvalidRequestException', 400);
  await expect(create('a b')).rejects.toMatchObject(invalid);
  await expect(create('x', { files: [] })).rejects.toMatchObject(invalid);
  await expect(create('x', { files: [{ fileId: 256 }] })).rejects.toMatchObject(invalid);
  await expect(create('x', { files: [...FILES, ...FILES] })).rejects.toMatchObject(invalid);
  await create('y');
  const twice = new UpdateStreamCommand({ streamId: 'y', files: [...FILES, ...FILES] });
  await expect(lab.iot.send(twice)).rejects.toMatchObject(invalid);
  await expect(create('x', { roleArn: 'too short' })).rejects.toMatchObject(invalid);
  await expect(create('x', { description: 'two\nlines' })).rejects.toMatchObject(invalid);
});

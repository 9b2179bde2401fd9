import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { documentAt } from '../../../src/simulator/objects/document-source.ts';
import { Objects } from '../../../src/simulator/objects/objects.ts';

let home: string;
let directory: string;
let objects: Objects;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'thing-agent-objects-'));
  directory = join(home, 'objects');
  objects = new Objects(directory);
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

async function contentOf(bucket: string, key: string): Promise<string | undefined> {
  const object = await objects.read(bucket, key);
  return object && text(object.stream());
}

function put(bucket: string, key: string, content: string, most = 1000) {
  return objects.put(bucket, key, Readable.from([Buffer.from(content)]), most);
}

test('what is put is the file of its bucket and key, and can be read', async () => {
  const { etag } = await put('files', 'a b/ü.bin', 'content');
  expect(readFileSync(join(directory, 'files', 'a b', 'ü.bin'), 'utf8')).toBe('content');
  const object = await objects.read('files', 'a b/ü.bin');
  expect(object).toMatchObject({ size: 7, etag });
  expect(await text(object?.stream({ start: 1, end: 3 }) ?? Readable.from([]))).toBe('ont');
});

test('a file that somebody puts into the directory is an object', async () => {
  mkdirSync(join(directory, 'files'), { recursive: true });
  writeFileSync(join(directory, 'files', 'f'), 'by hand');
  expect(await contentOf('files', 'f')).toBe('by hand');
});

test('an empty object is read as nothing', async () => {
  await put('files', 'empty', '');
  expect(await contentOf('files', 'empty')).toBe('');
});

test('what is not there is undefined, a directory too', async () => {
  expect(await objects.read('files', 'f')).toBeUndefined();
  await put('files', 'a/b', 'x');
  expect(await objects.read('files', 'a')).toBeUndefined();
  expect(await objects.read('files', 'a/b/c')).toBeUndefined();
  expect(objects.text('files', 'nothing', 10)).toBeUndefined();
});

test('an object that is put again is replaced, with another tag', async () => {
  const first = await put('files', 'f', 'one');
  const open = await objects.read('files', 'f');
  const second = await put('files', 'f', 'two');
  expect(second.etag).not.toBe(first.etag);
  expect(await contentOf('files', 'f')).toBe('two');
  // Who had begun to read goes on with what was there.
  expect(open && (await text(open.stream()))).toBe('one');
});

test('of an upload that fails or is too large nothing stays, and what was there does', async () => {
  await put('files', 'f', 'old');
  await expect(put('files', 'f', 'x'.repeat(11), 10)).rejects.toMatchObject({ code: 'EntityTooLarge' });
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from('half');
      throw new Error('cut');
    })(),
  );
  await expect(objects.put('files', 'f', broken, 10)).rejects.toThrow('cut');
  expect(await contentOf('files', 'f')).toBe('old');
  expect(readdirSync(join(directory, '.uploads'))).toEqual([]);
  await put('files', 'f', 'x'.repeat(10), 10);
});

test.each([
  '..',
  '.',
  '',
  '/etc/passwd',
  '../f',
  'a/../b',
  'a/./b',
  'a//b',
  'a/',
  'a\0b',
  'x'.repeat(256),
])('the key %j is refused', async (key) => {
  await expect(objects.read('files', key)).rejects.toMatchObject({ code: 'InvalidURI' });
  await expect(put('files', key, 'x')).rejects.toMatchObject({ code: 'InvalidURI' });
});

test('a key is 1,024 bytes at most', async () => {
  const key = `${'k/'.repeat(511)}kk`;
  await put('files', key, 'x');
  expect(await contentOf('files', key)).toBe('x');
  await expect(put('files', `${key}k`, 'x')).rejects.toMatchObject({ code: 'KeyTooLongError' });
});

test.each([
  '..',
  '.',
  '',
  '.uploads',
  'a..b',
  'Up',
  'a/b',
  '-ab',
  'ab',
  'x'.repeat(64),
])('the bucket %j is refused', async (bucket) => {
  await expect(objects.read(bucket, 'f')).rejects.toMatchObject({ code: 'InvalidBucketName' });
  await expect(put(bucket, 'f', 'x')).rejects.toMatchObject({ code: 'InvalidBucketName' });
});

test('no name leads out of the directory', async () => {
  writeFileSync(join(home, 'secret'), 'secret');
  await put('files', 'f', 'public');
  const segment = fc.oneof(
    fc.constantFrom('..', '.', '', 'secret', 'f', '\\..', '%2e%2e'),
    fc.string({ maxLength: 4 }),
  );
  await fc.assert(
    fc.asyncProperty(segment, fc.array(segment, { maxLength: 5 }), async (bucket, key) => {
      const content = await contentOf(bucket, key.join('/')).catch((error) => error.code);
      expect(['public', undefined, 'InvalidURI', 'InvalidBucketName']).toContain(content);
    }),
  );
});

test('a symbolic link that leads out is not followed, neither to read nor to write', async () => {
  writeFileSync(join(home, 'secret'), 'secret');
  await put('files', 'f', 'public');
  symlinkSync(join(home, 'secret'), join(directory, 'files', 'link'));
  symlinkSync(home, join(directory, 'files', 'out'));
  symlinkSync(home, join(directory, 'bucket'));
  symlinkSync(join(home, 'new'), join(directory, 'files', 'dangling'));
  for (const [bucket, key] of [
    ['files', 'link'],
    ['files', 'out/secret'],
    ['bucket', 'secret'],
  ] as const) {
    expect(await objects.read(bucket, key)).toBeUndefined();
    expect(objects.text(bucket, key, 100)).toBeUndefined();
  }
  for (const [bucket, key] of [
    ['files', 'out/x/y'],
    ['files', 'dangling/x'],
    ['bucket', 'x'],
  ] as const) {
    await expect(put(bucket, key, 'x')).rejects.toMatchObject({ code: 'InvalidURI' });
  }
  // The link itself is replaced, not what it points to.
  await put('files', 'link', 'mine');
  expect(readFileSync(join(home, 'secret'), 'utf8')).toBe('secret');
  expect(readdirSync(home).sort()).toEqual(['objects', 'secret']);
});

test('a key that is a directory, or would need a file to be one, is refused', async () => {
  await put('files', 'a/b', 'x');
  await expect(put('files', 'a', 'x')).rejects.toMatchObject({ code: 'InvalidURI' });
  await expect(put('files', 'a/b/c', 'x')).rejects.toMatchObject({ code: 'InvalidURI' });
});

test('a documentSource gives the text of its object', async () => {
  await put('documents', 'one job.json', '{"a":1}');
  const url = 'https://documents.s3.eu-west-1.amazonaws.com';
  expect(documentAt(objects, `${url}/one%20job.json`)).toBe('{"a":1}');
  await put('documents', 'large', 'x'.repeat(32_769), 40_000);
  for (const wrong of [`${url}/missing`, `${url}/large`, `${url}/a//b`, 'https://example.com/x/y', 'x']) {
    expect(() => documentAt(objects, wrong), wrong).toThrow(
      expect.objectContaining({ code: 'InvalidRequestException' }),
    );
  }
});

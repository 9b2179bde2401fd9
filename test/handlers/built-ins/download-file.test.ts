import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readProgress } from '../../../src/handlers/download/saved-progress.ts';
import { nameInUrl } from '../../../src/handlers/download/target-path.ts';
import { answerWith, bytes, DownloadLab, sha256 } from './download-lab.ts';

const content = bytes(100_000);
const isRoot = process.getuid?.() === 0;
let lab: DownloadLab;

beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
  lab.handle = (request, response) => answerWith({ content, headers: { etag: '"1"' } }, request, response);
});
afterEach(() => lab.stop());

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);

test('a file is fetched, told of, and alone in its directory', async () => {
  const { result, context } = await lab.run({ sha256: sha256(content).toUpperCase() });
  expect(result).toEqual({
    outcome: 'succeeded',
    details: { file: lab.path(), url: lab.url(), bytes: '100000', sha256: sha256(content) },
  });
  expect(lab.content()?.equals(content)).toBe(true);
  expect(lab.names()).toEqual(['file.bin']);
  expect(modeOf(lab.path())).toBe('644');
  expect(context.reports[0]).toEqual({ percent: '0', message: 'downloading', bytes: '0 of 100000' });
  expect(lab.requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity', connection: 'close' });
});

test.each([0, 1, 65_536])('a file of %i bytes is fetched, with and without its length told', async (length) => {
  for (const chunked of [false, true]) {
    const version = { content: bytes(length), headers: {} };
    lab.handle = (request, response) => answerWith(version, request, response, { chunked });
    const { result } = await lab.run({ sha256: sha256(version.content) });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { bytes: String(length) } });
    expect(lab.content()?.equals(version.content)).toBe(true);
  }
});

test("in a directory the file has the name of the URL's last segment", async () => {
  mkdirSync(lab.path('there'));
  for (const path of [lab.path('there'), `${lab.path('there')}/`]) {
    const url = lab.url('/a/b%20c.bin?q=1#f');
    expect((await lab.run({ path, url })).result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.content('there/b c.bin')?.equals(content)).toBe(true);
  }
  const { result } = await lab.run({ path: `${lab.path('missing')}/` });
  expect(result).toMatchObject({ reason: `the directory ${lab.path('missing')}/ does not exist` });
});

test.each([
  '/..%2fx',
  '/..%2f..%2fetc%2fpasswd',
  '/%2e%2e',
  '/a/',
  '/',
  '/x%00y',
  '/%',
  '/a%5Cb',
  '/%0a',
])('a URL that ends in %s names no file in a directory', async (path) => {
  const { result } = await lab.run({ url: lab.url(path), path: lab.directory });
  expect(result).toMatchObject({
    outcome: 'failed',
    reason: expect.stringMatching(/is a directory and the URL.*: name the file in path$/),
  });
  expect(lab.names()).toEqual([]);
  expect(lab.requests).toHaveLength(0);
});

test('a name in a URL may be anything else', () => {
  const names = ['a', '...', '.hidden', '-rf', 'ü', 'a b', "it's"];
  for (const name of names) {
    expect(nameInUrl(new URL(`https://h/x/${encodeURIComponent(name)}`))).toEqual({ kind: 'name', name });
  }
});

test('what the path cannot be is said before anything is fetched', async () => {
  execFileSync('mkfifo', [lab.path('pipe')]);
  writeFileSync(lab.path('plain'), '');
  const reasons = [
    [lab.path('no/file'), `the directory ${lab.path('no')} does not exist`],
    [lab.path('pipe'), `${lab.path('pipe')} is not a regular file`],
    [lab.path('plain/file'), `the directory ${lab.path('plain')} does not exist`],
    [lab.path('n'.repeat(256)), expect.stringContaining('the name is too long')],
  ];
  for (const [path, reason] of reasons) {
    expect((await lab.run({ path })).result).toMatchObject({ outcome: 'failed', reason });
  }
  expect(lab.requests).toHaveLength(0);
  expect(lab.names()).toEqual(['pipe', 'plain']);
});

test('a name as long as the file system takes leaves none for a part of that name, and is fetched', async () => {
  const path = lab.path('n'.repeat(255));
  expect((await lab.run({ path })).result).toMatchObject({ outcome: 'succeeded' });
  expect(lab.names()).toEqual(['n'.repeat(255)]);
});

test('a file that was there is replaced and its permissions stay, unless the document names others', async () => {
  writeFileSync(lab.path(), 'old');
  if (isRoot) chownSync(lab.path(), 1, 1);
  chmodSync(lab.path(), 0o4751);
  const before = statSync(lab.path()).ino;
  await lab.run();
  expect(lab.content()?.equals(content)).toBe(true);
  expect(statSync(lab.path()).ino).not.toBe(before);
  // Set-user-id is not for what has just come from the network.
  expect(modeOf(lab.path())).toBe('751');
  if (isRoot) expect(statSync(lab.path())).toMatchObject({ uid: 1, gid: 1 });
  await lab.run({ mode: '0600' });
  expect(modeOf(lab.path())).toBe('600');
});

test('while it is fetched, the file that was there stays as it was', async () => {
  writeFileSync(lab.path(), 'old');
  let during: string | undefined;
  lab.handle = (_request, response) => {
    response.writeHead(200, { 'content-length': '4' }).write('ne', () => {
      during = `${readFileSync(lab.path(), 'utf8')} ${lab.names().length}`;
      response.end('w!');
    });
  };
  await lab.run();
  expect([during, lab.content()?.toString()]).toEqual(['old 2', 'new!']);
});

test('a link at the path is replaced and what it leads to is untouched', async () => {
  writeFileSync(lab.path('victim'), 'mine');
  symlinkSync(lab.path('victim'), lab.path());
  expect((await lab.run()).result).toMatchObject({ outcome: 'succeeded' });
  expect(lab.content('victim')?.toString()).toBe('mine');
  expect(lstatSync(lab.path()).isFile()).toBe(true);
});

test("a link where the part's name is known is removed, not followed", async () => {
  const victim = bytes(100_000, 9);
  // All but a link would pass for a part of ours.
  writeFileSync(lab.path('victim'), victim, { mode: 0o600 });
  const { part } = readProgress((await lab.run()).context.saved) ?? { part: '' };
  for (const lastProgress of [undefined, { part, bytes: 50_000, total: 100_000, validator: { etag: '"1"' } }]) {
    rmSync(lab.path());
    symlinkSync(lab.path('victim'), part);
    expect((await lab.run({}, {}, { lastProgress })).result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.content('victim')?.equals(victim)).toBe(true);
    expect(lstatSync(lab.path()).isFile()).toBe(true);
    expect(lab.names()).toEqual(['file.bin', 'victim']);
    expect(lab.ranges().at(-1)).toBeUndefined();
  }
});

test('with a wrong SHA-256 the file that was there stays, and nothing else', async () => {
  writeFileSync(lab.path(), 'old');
  const wrong = 'ab'.repeat(32);
  expect((await lab.run({ sha256: wrong })).result).toEqual({
    outcome: 'failed',
    reason: `the file has the SHA-256 ${sha256(content)}, and the document expects ${wrong}`,
    details: { file: lab.path(), url: lab.url() },
  });
  expect(lab.content()?.toString()).toBe('old');
  expect(lab.names()).toEqual(['file.bin']);
});

test('a file that is there with the SHA-256 is not fetched again, and gets the permissions', async () => {
  writeFileSync(lab.path(), content);
  const { result } = await lab.run({ sha256: sha256(content), mode: '755' });
  expect(result).toMatchObject({
    outcome: 'succeeded',
    details: { sha256: sha256(content), bytes: '100000', download: 'not needed: the file was there' },
  });
  expect(lab.requests).toHaveLength(0);
  expect(modeOf(lab.path())).toBe('755');
  expect(lab.names()).toEqual(['file.bin']);
});

describe.each(['1777', '777', '775'])('in a directory of mode %s, where others make files', (mode) => {
  const owner = () => statSync(lab.path('shared/file')).uid;
  const fetch = (input: object = {}) => lab.run({ path: lab.path('shared/file'), sha256: sha256(content), ...input });
  function putThere(file: Buffer, fileMode: number, uid?: number): void {
    mkdirSync(lab.path('shared'));
    chmodSync(lab.path('shared'), Number.parseInt(mode, 8));
    writeFileSync(lab.path('shared/file'), file);
    chmodSync(lab.path('shared/file'), fileMode);
    if (uid !== undefined) chownSync(lab.path('shared/file'), uid, uid);
  }

  test.runIf(isRoot)('a file of somebody else gives nothing to what replaces it', async () => {
    putThere(Buffer.from('old'), 0o666, 1);
    expect((await fetch()).result).toMatchObject({ outcome: 'succeeded' });
    expect([owner(), modeOf(lab.path('shared/file'))]).toEqual([0, '644']);
  });

  test.runIf(isRoot)('a file of somebody else does not count as there, whatever is in it', async () => {
    putThere(content, 0o444, 1);
    expect((await fetch({ mode: '600' })).result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.requests).toHaveLength(1);
    expect([owner(), modeOf(lab.path('shared/file'))]).toEqual([0, '600']);
  });

  test.runIf(isRoot)("the file of the directory's owner stays that one's", async () => {
    putThere(Buffer.from('old'), 0o755, 1);
    chownSync(lab.path('shared'), 1, 1);
    await fetch();
    expect([owner(), modeOf(lab.path('shared/file'))]).toEqual([1, '755']);
    expect((await fetch()).result).toMatchObject({ details: { download: 'not needed: the file was there' } });
  });

  test('a file of our own that others may write is replaced by one that they may not', async () => {
    putThere(content, 0o676);
    await fetch();
    expect(lab.requests).toHaveLength(1);
    expect(modeOf(lab.path('shared/file'))).toBe('654');
    expect((await fetch()).result).toMatchObject({ details: { download: 'not needed: the file was there' } });
    expect(lab.requests).toHaveLength(1);
  });
});

test.skipIf(isRoot)('a directory that may not be written is told as that', async () => {
  mkdirSync(lab.path('locked'), { mode: 0o500 });
  const { result } = await lab.run({ path: lab.path('locked/file') });
  expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('not permitted: ') });
});

test('empty texts in the input are template parameters that were not set', async () => {
  const { result } = await lab.run({ sha256: '', signature: '', signatureUrl: '', mode: '' });
  expect(result).toMatchObject({ outcome: 'succeeded' });
});

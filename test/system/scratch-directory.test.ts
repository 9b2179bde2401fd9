import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createScratchDirectory,
  giveScratchDirectory,
  removeScratchDirectory,
} from '../../src/system/scratch-directory.ts';
import { isRoot } from '../support/root.ts';

const execution = { jobId: 'job', executionNumber: 2 };
let parent: string;
let state: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'scratch-'));
  state = join(parent, 'state');
});
afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwx', parent]);
  rmSync(parent, { recursive: true });
});

test('it is private, and kept with what is in it when asked for again', async () => {
  const path = await createScratchDirectory(state, execution);
  expect(path).toBe(join(state, 'scratch', 'job-2'));
  expect(statSync(path).mode & 0o777).toBe(0o700);
  writeFileSync(join(path, 'file'), 'kept');
  expect(await createScratchDirectory(state, execution)).toBe(path);
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('kept');
});

test('a link in its place is not followed', async () => {
  mkdirSync(join(state, 'scratch'), { recursive: true });
  symlinkSync(parent, join(state, 'scratch', 'job-2'));
  await expect(createScratchDirectory(state, execution)).rejects.toThrow('EEXIST');
  await expect(removeScratchDirectory(join(state, 'scratch', 'job-2'))).rejects.toThrow();
  expect(existsSync(state)).toBe(true);
});

test('all of it goes, whatever modes, names and links are in it; what the links lead to stays', async () => {
  const path = await createScratchDirectory(state, execution);
  const outside = join(parent, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'file'), 'stays');
  symlinkSync(outside, join(path, 'link'));
  symlinkSync(join(outside, 'file'), join(path, 'file-link'));
  mkdirSync(join(path, 'a/b/c'), { recursive: true });
  writeFileSync(join(path, 'a/b/c/file'), 'goes');
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]), 'goes');
  execFileSync('mkfifo', [join(path, 'a/fifo')]);
  chmodSync(join(path, 'a/b'), 0o000);
  chmodSync(join(path, 'a'), 0o500);
  await removeScratchDirectory(path);
  expect(existsSync(path)).toBe(false);
  expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('stays');
  await removeScratchDirectory(path);
});

test('given to a user, it can be reached and nothing beside it can', async ({ skip }) => {
  if (!isRoot()) skip('only root can give a directory away');
  mkdirSync(state, { mode: 0o700 });
  chmodSync(parent, 0o755);
  writeFileSync(join(state, 'journal.sqlite'), 'secret', { mode: 0o644 });
  const path = await createScratchDirectory(state, execution);
  const other = await createScratchDirectory(state, { jobId: 'other', executionNumber: 1 });
  const as = (...words: string[]) =>
    execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--', ...words], { stdio: 'pipe' });
  giveScratchDirectory(path, { name: 'nobody', uid: 65534, gid: 65534, groups: [65534], home: '/' });
  as('touch', join(path, 'mine'));
  expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65534, mode: 0o40700 });
  expect(() => as('cat', join(state, 'journal.sqlite'))).toThrow(/Permission denied/);
  for (const closed of [other, state, join(state, 'scratch')]) {
    expect(() => as('ls', closed), closed).toThrow(/Permission denied/);
  }
  await removeScratchDirectory(path);
  expect(existsSync(path)).toBe(false);
});

test('a directory that is not private is none of ours to give', ({ skip }) => {
  if (!isRoot()) skip('only root can give a directory away');
  chmodSync(parent, 0o1777);
  giveScratchDirectory(parent, { name: 'nobody', uid: 65534, gid: 65534, groups: [65534], home: '/' });
  expect(statSync(parent)).toMatchObject({ uid: 0, mode: 0o41777 });
});

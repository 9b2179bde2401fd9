// Run with: node --test
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { runProgramHandler } from 'thing-agent/testing';

const HANDLER = join(import.meta.dirname, 'clear-cache.sh');

let root;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'clear-cache-'));
  await mkdir(join(root, 'my-app/deep'), { recursive: true });
  await writeFile(join(root, 'my-app/deep/file'), '');
});
afterEach(() => rm(root, { recursive: true }));

const clear = (...args) => runProgramHandler(HANDLER, { args, environment: { CACHE_ROOT: root } });

test('removes what is in the cache, and says so', async () => {
  const run = await clear('my-app');
  assert.equal(run.status, 'SUCCEEDED');
  assert.deepEqual(run.progress.at(-1), { percent: '100', message: 'cleared', attempt: '1' });
  assert.deepEqual(await readdir(join(root, 'my-app')), []);
});

test('can be run twice', async () => {
  await clear('my-app');
  assert.equal((await clear('my-app')).status, 'SUCCEEDED');
});

test('tries again later when the application is using it', async () => {
  await writeFile(join(root, 'my-app/.lock'), '');
  assert.equal((await clear('my-app')).status, 'LATER');
});

test('touches nothing outside, and says why', async () => {
  for (const name of ['..', '', '../../etc']) {
    const run = await clear(name);
    assert.equal(run.status, 'FAILED');
    assert.match(run.statusDetails.stderr, /expected the name of an application/);
  }
});

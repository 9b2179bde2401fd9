// Run with: node --test
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { runHandler, runHandlerFile } from 'thing-agent/testing';
import copyFiles from './copy-files.mjs';

let directory;
let document;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copy-files-'));
  const from = ['a', 'b', 'c'].map((name) => join(directory, name));
  for (const file of from) await writeFile(file, file);
  document = { copyFiles: { from, to: await mkdtemp(join(directory, 'to-')) } };
});
afterEach(() => rm(directory, { recursive: true }));

const copied = (name) => readFile(join(document.copyFiles.to, name), 'utf8');

test('copies every file and says how many', async () => {
  const run = await runHandler(copyFiles, { document });
  assert.equal(run.status, 'SUCCEEDED');
  assert.deepEqual(run.statusDetails, { copied: '3' });
  assert.deepEqual(run.progress.at(-1), { copied: '3 of 3' });
  assert.equal(await copied('c'), join(directory, 'c'));
});

test('goes on where an earlier attempt was cut off', async () => {
  const run = await runHandler(copyFiles, { document, attempt: 2, lastProgress: { done: 2 } });
  assert.equal(run.status, 'SUCCEEDED');
  await assert.rejects(copied('b'));
  assert.equal(await copied('c'), join(directory, 'c'));
});

test('stops between two files when the agent wants it to', async () => {
  const abort = new AbortController();
  const run = await runHandler(copyFiles, { document, signal: abort.signal, onProgress: () => abort.abort() });
  assert.equal(run.status, 'INTERRUPTED');
  assert.deepEqual(run.savedProgress, { done: 1 });
});

test('waits for a disk that is not there', async () => {
  document.copyFiles.to = join(directory, 'absent');
  assert.equal((await runHandler(copyFiles, { document })).status, 'LATER');
});

test('leaves other documents to others, and fails for a wrong one', async () => {
  assert.equal((await runHandler(copyFiles, { document: { reboot: true } })).status, 'REJECTED');
  assert.equal((await runHandler(copyFiles, { document: { copyFiles: {} } })).status, 'FAILED');
});

test('works in a process of its own, with its memory limit, as on the device', async () => {
  const run = await runHandlerFile(join(import.meta.dirname, 'copy-files.mjs'), { document, memoryMegabytes: 32 });
  assert.equal(run.status, 'SUCCEEDED');
});

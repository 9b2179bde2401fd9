// Run with: node --test
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { runHandler } from 'thing-agent/testing';
import writeNote from './write-note.mjs';

let directory;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'write-note-'));
});
afterEach(() => rm(directory, { recursive: true }));

const write = (note) => runHandler(writeNote, { document: { writeNote: note } });

test('writes the note, and says how many bytes it has', async () => {
  const file = join(directory, 'note.txt');
  const run = await write({ file, text: 'grüezi' });
  assert.equal(run.status, 'SUCCEEDED');
  assert.deepEqual(run.statusDetails, { bytes: '7' });
  assert.deepEqual(run.progress, [{ phase: 'writing' }]);
  assert.equal(await readFile(file, 'utf8'), 'grüezi');
});

test('fails where it may not write, and says why', async () => {
  const run = await write({ file: join(directory, 'absent/note.txt'), text: 'hello' });
  assert.equal(run.status, 'FAILED');
  assert.match(run.statusDetails.reason, /ENOENT/);
});

test('leaves other documents to others', async () => {
  assert.equal((await write({ file: 42 })).status, 'REJECTED');
});

// Run with: node --test
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { runProgramHandler } from 'thing-agent/testing';

const HANDLER = join(import.meta.dirname, 'update-settings.py');
const skip = spawnSync('python3', ['--version']).status !== 0 && 'there is no python3';

describe('update-settings.py', { skip }, () => {
  let directory;
  let file;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'update-settings-'));
    file = join(directory, 'settings.json');
    await writeFile(file, '{"interval":10,"name":"south"}');
  });
  afterEach(() => rm(directory, { recursive: true }));

  const update = (args, options = {}) => runProgramHandler(HANDLER, { args: [file, ...args], ...options });
  const settings = async () => JSON.parse(await readFile(file, 'utf8'));

  test('sets values, keeps the others, and says so', async () => {
    const run = await update(['interval=30']);
    assert.equal(run.status, 'SUCCEEDED');
    assert.deepEqual(run.progress.at(-1), {
      percent: '100',
      message: 'changed',
      keys: 'interval',
      attempt: '1',
    });
    assert.deepEqual(await settings(), { interval: 30, name: 'south' });
  });

  test('takes them back when the application refuses them', async () => {
    const run = await update(['interval=30', '--check', 'sh -c "exit 1"']);
    assert.equal(run.status, 'FAILED');
    assert.match(run.statusDetails.stderr, /refused the settings: the old ones are back/);
    assert.deepEqual(await settings(), { interval: 10, name: 'south' });
  });

  test('takes back what was there before a first attempt that was cut off', async () => {
    await writeFile(join(directory, 'original.json'), '{"interval":5}');
    const options = { attempt: 2, scratchDirectory: directory };
    assert.equal((await update(['interval=30', '--check', 'false'], options)).status, 'FAILED');
    assert.deepEqual(await settings(), { interval: 5 });
  });

  test('tries again later while the application is changing them itself', async () => {
    await writeFile(`${file}.lock`, '');
    assert.equal((await update(['interval=30'])).status, 'LATER');
  });
});

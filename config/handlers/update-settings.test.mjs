// Run with: node --test
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
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
    const cutOff = ['interval=30', '--check', 'sh -c "kill -KILL $PPID"'];
    assert.equal((await update(cutOff, { scratchDirectory: directory })).statusDetails.signal, 'SIGKILL');
    assert.deepEqual(await settings(), { interval: 30, name: 'south' });
    const options = { attempt: 2, scratchDirectory: directory };
    assert.equal((await update(['interval=30', '--check', 'false'], options)).status, 'FAILED');
    assert.deepEqual(await settings(), { interval: 10, name: 'south' });
  });

  test('leaves what other steps of the job have done, to this file and to others', async () => {
    const other = join(directory, 'other.json');
    await writeFile(other, '{"volume":1}');
    // The steps of a job share one scratch directory.
    const options = { scratchDirectory: directory };
    await update(['interval=30'], options);
    await update(['name="north"'], options);
    assert.deepEqual(await settings(), { interval: 30, name: 'north' });
    await runProgramHandler(HANDLER, { args: [other, 'volume=2'], ...options, attempt: 2 });
    assert.deepEqual(JSON.parse(await readFile(other, 'utf8')), { volume: 2 });
    // A second step that was cut off before it could keep what was there.
    const env = { ...process.env, JOB_STEP: '2', JOB_ATTEMPT: '2', JOB_SCRATCH_DIR: directory };
    spawnSync(HANDLER, ['', file, 'interval=40'], { env });
    assert.deepEqual(await settings(), { interval: 40, name: 'north' });
  });

  test('keeps owner and permissions', async () => {
    await chmod(file, 0o640);
    if (process.getuid() === 0) await chown(file, 1, 1);
    const before = await stat(file);
    await writeFile(`${file}.part`, 'of an attempt that was cut off');
    assert.equal((await update(['interval=30'])).status, 'SUCCEEDED');
    const { mode, uid, gid } = await stat(file);
    assert.deepEqual({ mode, uid, gid }, { mode: before.mode, uid: before.uid, gid: before.gid });
    assert.deepEqual(await settings(), { interval: 30, name: 'south' });
  });

  test('tries again later while the application is changing them itself', async () => {
    await writeFile(`${file}.lock`, '');
    assert.equal((await update(['interval=30'])).status, 'LATER');
  });
});

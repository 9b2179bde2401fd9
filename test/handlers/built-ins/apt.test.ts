import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AptLab, hasApt } from './apt-lab.ts';

let lab: AptLab;

describe.skipIf(!hasApt)('with the real apt-get and dpkg', () => {
  beforeEach(async () => {
    lab = await AptLab.create();
    await lab.publish('tiny', '1.0');
  });
  afterEach(() => lab.remove());

  const state = (name: string) =>
    lab.host(['dpkg-query', '--show', `--showformat=\${db:Status-Status} \${Version}`, name]);

  test('a package is installed where the lists were missing, again without a change, and removed', async () => {
    expect(await lab.work('install', ['tiny'])).toEqual({ outcome: 'succeeded', details: { installed: 'tiny 1.0' } });
    expect(lab.progress).toContainEqual({ phase: 'updating the package lists' });
    expect(state('tiny')).toBe('installed 1.0');
    lab.progress.length = 0;
    expect(await lab.work('install', ['tiny'])).toMatchObject({ outcome: 'succeeded' });
    expect(lab.progress).not.toContainEqual({ phase: 'updating the package lists' });
    expect(await lab.work('verifyInstalled', ['tiny=1.0'])).toMatchObject({ outcome: 'succeeded' });
    expect(await lab.work('verifyRemoved', ['tiny'])).toMatchObject({
      outcome: 'failed',
      reason: 'tiny is installed in version 1.0',
    });
    expect(await lab.work('remove', ['tiny'])).toEqual({ outcome: 'succeeded', details: { absent: 'tiny' } });
    expect(await lab.work('remove', ['tiny'])).toMatchObject({ outcome: 'succeeded' });
    expect(await lab.work('verifyInstalled', ['tiny'])).toMatchObject({
      outcome: 'failed',
      reason: 'tiny is not installed',
    });
  });

  test('a newer version that the lists do not know yet is found, and an older one comes back when it is named', async () => {
    await lab.work('install', ['tiny']);
    await lab.publish('tiny', '2.0');
    expect(await lab.work('install', ['tiny=2.0'])).toMatchObject({ details: { installed: 'tiny 2.0' } });
    expect(await lab.work('install', ['tiny=1.0'])).toMatchObject({ details: { installed: 'tiny 1.0' } });
    expect(await lab.work('install', ['tiny=3.0'])).toMatchObject({
      outcome: 'failed',
      reason:
        "apt-get install: exited with code 100 (E: Version '3.0' for 'tiny' was not found), also after apt-get update",
    });
  });

  test('a name that is nowhere is unknown, a package on hold is installed, and neither is taken for a pattern', async () => {
    expect(await lab.work('install', ['nosuch'])).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(
        /^apt-get install: .*E: Unable to locate package nosuch.*, also after apt-get update$/,
      ),
    });
    expect(await lab.work('install', ['t.ny'])).toMatchObject({
      outcome: 'failed',
      reason: 'not found: package t.ny is in none of the package lists, also after apt-get update',
    });
    await lab.work('install', ['tiny']);
    lab.host(['apt-mark', 'hold', 'tiny']);
    expect(await lab.work('verifyInstalled', ['tiny'])).toMatchObject({ outcome: 'succeeded' });
    await lab.publish('dotted.so', '1');
    expect(await lab.work('install', ['dotted.so'])).toMatchObject({ outcome: 'succeeded' });
  });

  test('while another apt-get holds the lock the step gives way, and succeeds when its turn comes', async () => {
    await lab.publish('other', '1');
    lab.host(['apt-get', 'update']);
    const release = await lab.holdLock('other');
    try {
      expect(await lab.work('install', ['tiny'])).toEqual({
        outcome: 'deferred',
        reason: expect.stringMatching(/^apt-get install: .*lock-frontend.*, is another process using it\?\)$/),
      });
    } finally {
      await release();
    }
    expect(await lab.work('install', ['tiny'], { attempt: 2 })).toMatchObject({ outcome: 'succeeded' });
  });

  test('what a power cut left unpacked and unconfigured is repaired', async () => {
    const file = await lab.publish('half', '1');
    lab.host(['apt-get', 'update']);
    lab.host(['dpkg', '--unpack', file]);
    expect(await lab.work('verifyInstalled', ['half'])).toMatchObject({
      outcome: 'failed',
      reason: 'half is unpacked',
    });
    // dpkg's journal: its presence is what apt-get calls an interruption.
    await mkdir(lab.path('root/var/lib/dpkg/updates'), { recursive: true });
    await writeFile(lab.path('root/var/lib/dpkg/updates/0000'), '');
    expect(await lab.work('install', ['tiny'])).toMatchObject({ outcome: 'succeeded' });
    expect(lab.progress).toContainEqual({ phase: 'repairing an interrupted installation' });
    expect(state('half')).toBe('installed 1');
  });
});

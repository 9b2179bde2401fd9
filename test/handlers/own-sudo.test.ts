import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withOwnSudo } from '../../src/handlers/own-sudo.ts';
import type { Log } from '../../src/system/log.ts';
import { findUser } from '../../src/system/users.ts';
import { isRoot } from '../support/root.ts';
import { silentLog } from '../support/silent-log.ts';

const OWN = resolve('config/run-as-user');
const { username: ME, uid } = userInfo();
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'own-sudo-'));
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, 'next'));
  writeFileSync(join(directory, 'next/sudo'), '#!/bin/sh\nprintf "next"; printf "|%s" "$@"\n', { mode: 0o755 });
  symlinkSync(OWN, join(directory, 'again'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function sudo(words: readonly string[], path = `${join(directory, 'again')}:${join(directory, 'next')}:/usr/bin:/bin`) {
  return spawnSync('sudo', words, { encoding: 'utf8', env: { PATH: `${OWN}:${path}`, NAME: 'kept' } });
}

describe('our own sudo', () => {
  test.each([
    [['-u', ME, '-n']],
    [['-n', '-u', ME]],
    [[`-u${ME}`, '-n', '-E', '-H', '--']],
    [['-H', '-E', '-u', 'root', '-u', ME, '--']],
    [['-u', ME, '-n', '--']],
    [['-u', String(uid)]],
  ])('%j of the user itself runs the words as they are', (options) => {
    const { stdout, status } = sudo([
      ...options,
      'sh',
      '-c',
      'printf "%s|" "$NAME" "$@"; exit 7',
      '0',
      'a b',
      '',
      '$(id)',
      '*',
    ]);
    expect({ stdout, status }).toEqual({ stdout: 'kept|a b||$(id)|*|', status: 7 });
  });

  test.each([
    [['-u', 'no-such-user', '-n', 'id']],
    [['-u', 'games', '-n', 'echo', 'a b', '']],
    [['-n', '-l']],
    [['-u', ME]],
    [['-u']],
    [['-u', ME, '-s', 'id']],
    [['-u', ME, 'A=b', 'id']],
    [['-k']],
    [[]],
  ])('%j goes to the next sudo of PATH, every word as it is', (words) => {
    expect(sudo(words).stdout).toBe(['next', ...(words.length === 0 ? [''] : words)].join('|'));
  });

  test('without a user means root, as sudo does', ({ skip }) => {
    if (!isRoot()) skip('root is another user');
    expect(sudo(['-n', 'echo', 'a b']).stdout).toBe('a b\n');
  });

  test('says that there is no other, where there is none', () => {
    // Only what it needs itself.
    mkdirSync(join(directory, 'tools'));
    for (const name of ['id', 'sh'])
      symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(directory, 'tools', name));
    expect(sudo(['-u', 'games', 'id'], join(directory, 'tools'))).toMatchObject({
      status: 127,
      stderr: 'sudo: not found in PATH\n',
    });
  });

  test('hands everything on where it cannot tell who asks', () => {
    mkdirSync(join(directory, 'few'));
    symlinkSync(execFileSync('which', ['sh'], { encoding: 'utf8' }).trim(), join(directory, 'few/sh'));
    const PATH = `${OWN}:${join(directory, 'next')}:${join(directory, 'few')}`;
    const { stdout } = spawnSync('sudo', ['-u', 'no-such-user', 'pwd'], { encoding: 'utf8', env: { PATH } });
    expect(stdout).toBe('next|-u|no-such-user|pwd');
  });

  test('is short enough to be read', () => {
    expect(execFileSync('wc', ['-l', join(OWN, 'sudo')], { encoding: 'utf8' })).toMatch(/^3\d /);
  });
});

describe('the PATH of a step with a user', () => {
  const next = () => join(directory, 'next');

  test('has it first, where there is a sudo at all', async () => {
    expect(await withOwnSudo(next(), undefined, silentLog)).toBe(`${OWN}:${next()}`);
    expect(await withOwnSudo('/nowhere', undefined, silentLog)).toBe('/nowhere');
  });

  test('has it not where it is not there, or closed to the user, and the log says so', async () => {
    const whys: unknown[] = [];
    const log: Log = { ...silentLog, warn: (fields) => void whys.push('why' in fields && fields.why) };
    expect(await withOwnSudo(next(), undefined, log, join(directory, 'none'))).toBe(next());
    const nobody = await findUser('nobody');
    if (nobody.kind !== 'found') throw new Error(nobody.reason);
    // The system's own, which belongs to root and has no business here but its mode.
    expect(await withOwnSudo(next(), nobody.user, log, '/etc/passwd')).toBe(next());
    expect(whys).toEqual([expect.stringContaining('ENOENT'), 'it is closed to user "nobody" (chmod o+rx)']);
  });
});

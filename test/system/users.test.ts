import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { findUser, ownUserName } from '../../src/system/users.ts';

test('a user has its ids, all of its groups and its home', async () => {
  const { username, uid, gid, homedir } = userInfo();
  const groups = execFileSync('id', ['-G'], { encoding: 'utf8' }).trim().split(' ').map(Number);
  expect(ownUserName()).toBe(username);
  expect(await findUser(username)).toEqual({
    kind: 'found',
    user: { name: username, uid, gid, groups: expect.arrayContaining(groups), home: homedir },
  });
});

test.each([
  'no-such-user',
  '',
  '0',
  '65534',
  '+0',
  '#0',
  '-u',
  '--help',
  'root:x',
  'root,nobody',
  'root nobody',
  'ro\not',
  'root\0',
  '../root',
])('%j is nobody: a name is a name, and no number, option or list', async (name) => {
  expect(await findUser(name)).toEqual({ kind: 'fault', reason: `unknown user ${JSON.stringify(name)}` });
});

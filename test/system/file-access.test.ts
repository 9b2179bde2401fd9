import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EXECUTE, mayUse, READ_AND_EXECUTE } from '../../src/system/file-access.ts';
import { isRoot } from '../support/root.ts';

const user = (change: object = {}) => ({ name: 'u', uid: 5001, gid: 5002, groups: [5002, 5003], home: '/', ...change });
let directory: string;
const file = () => join(directory, 'a/file');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'access-'));
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, 'a'), { mode: 0o755 });
  writeFileSync(file(), '');
});
afterEach(() => rmSync(directory, { recursive: true }));

test.each([
  [0o755, true, true],
  [0o711, true, false],
  [0o700, false, false],
  [0o750, false, false],
])('of a file of mode %o that is somebody else’s: execute %j, read and execute %j', (mode, execute, read) => {
  chmodSync(file(), mode);
  expect([mayUse(file(), user(), EXECUTE), mayUse(file(), user(), READ_AND_EXECUTE)]).toEqual([execute, read]);
  expect(mayUse(file(), user({ uid: 0 }), READ_AND_EXECUTE)).toBe(true);
});

test.each([
  ['its owner', 5001, 9, 0o500],
  ['a member of its group by the primary one', 9, 5002, 0o050],
  ['a member of its group by another', 9, 5003, 0o050],
])('%s has the bits that are for it, and no others', (_who, uid, gid, mode) => {
  if (!isRoot()) return;
  chownSync(file(), uid, gid);
  chmodSync(file(), mode);
  expect(mayUse(file(), user(), READ_AND_EXECUTE)).toBe(true);
  chmodSync(file(), 0o555 & ~mode);
  expect(mayUse(file(), user(), READ_AND_EXECUTE)).toBe(false);
});

test('a file in a directory that is closed, or that is not there, is out of reach', () => {
  chmodSync(file(), 0o755);
  chmodSync(join(directory, 'a'), 0o700);
  expect(mayUse(file(), user(), EXECUTE)).toBe(false);
  expect(mayUse(join(directory, 'none'), user({ uid: 0 }), EXECUTE)).toBe(false);
});

import { chmod, chown, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HandlerPlaces, handlerFileInDirectory, locateHandler } from '../../src/handlers/locate-handler.ts';
import { isRoot } from '../support/root.ts';

/** `own` is the handler directory, `allowed` an allowed one, `onPath` is on PATH, `outside` none of them. */
let base: string;
const at = (...parts: string[]) => join(base, ...parts);

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'locate-')));
  for (const name of ['own', 'allowed', 'onPath', 'outside']) await mkdir(at(name), { mode: 0o755 });
});
afterEach(async () => {
  await rm(base, { recursive: true });
});

async function file(path: string, mode = 0o755): Promise<string> {
  await mkdir(dirname(at(path)), { recursive: true });
  await writeFile(at(path), '#!/bin/sh\n');
  await chmod(at(path), mode);
  return at(path);
}

function locate(handler: string, path?: string, change: Partial<HandlerPlaces> = {}) {
  const places = { handlersDirectory: at('own'), allowedDirectories: [at('allowed')], searchPath: at('onPath') };
  return locateHandler({ handler, path }, { ...places, ...change });
}
async function reason(handler: string, path?: string, change: Partial<HandlerPlaces> = {}): Promise<string> {
  const located = await locate(handler, path, change);
  return located.kind === 'fault' ? located.reason : `found ${located.file}`;
}
const OUTSIDE =
  "is outside the directories that handlers may be in (name its directory in handlers.allowedDirectories of the agent's config)";

test('`default` is the handler directory, and a path a directory', async () => {
  const own = await file('own/a');
  const allowed = await file('allowed/a');
  const below = await file('allowed/sub/a');
  expect(await locate('a', 'default')).toEqual({ kind: 'found', file: own, name: own });
  expect(await locate('a', at('allowed'))).toEqual({ kind: 'found', file: allowed, name: allowed });
  expect(await locate('a', at('allowed/sub'))).toEqual({ kind: 'found', file: below, name: below });
  expect(await locate('a', at('own'))).toEqual({ kind: 'found', file: own, name: own });
});

test('without a path the handler directory is asked before PATH', async () => {
  await file('onPath/a');
  expect(await locate('a', '')).toMatchObject({ file: at('onPath/a') });
  await file('own/a');
  expect(await locate('a')).toMatchObject({ file: at('own/a') });
  expect(await locate('a', '', { handlersDirectory: undefined })).toMatchObject({ file: at('onPath/a') });
});

test('a directory of PATH that cannot be entered is passed over', async () => {
  await file('onPath/a');
  await symlink('loop', at('loop'));
  expect(await locate('a', '', { searchPath: `${at('loop')}:${at('onPath')}` })).toMatchObject({ kind: 'found' });
});

test('what is on PATH only is no place for a path', async () => {
  await file('onPath/a');
  expect(await reason('a', at('onPath'))).toBe(`not permitted: ${at('onPath')} ${OUTSIDE}`);
});

test('a missing handler names where it was looked for', async () => {
  expect(await reason('a', 'default')).toBe(`not found: ${at('own/a')}`);
  expect(await reason('a')).toBe(`not found: a (searched ${at('own')}:${at('onPath')})`);
  expect(await reason('a', at('allowed/absent'))).toBe(`not found: ${at('allowed/absent/a')}`);
  expect(await reason('a', 'default', { handlersDirectory: undefined })).toBe(
    'not found: path is "default" and no handlers.directory is set',
  );
});

test('an absolute handler is taken where it lies, if that is an allowed place', async () => {
  const allowed = await file('allowed/sub/a');
  const own = await file('own/a');
  await file('outside/a');
  for (const path of [undefined, '', 'default']) {
    expect(await locate(allowed, path)).toEqual({ kind: 'found', file: allowed, name: allowed });
    expect(await locate(own, path)).toEqual({ kind: 'found', file: own, name: own });
    expect(await reason(at('outside/a'), path)).toBe(`not permitted: ${at('outside')} ${OUTSIDE}`);
    expect(await reason(at('allowed/absent'), path)).toBe(`not found: ${at('allowed/absent')}`);
  }
  await file('onPath/a');
  expect(await reason(at('onPath/a'))).toBe(`not permitted: ${at('onPath')} ${OUTSIDE}`);
  await chmod(allowed, 0o775);
  expect(await reason(allowed)).toBe(`not permitted: ${allowed} is writable by its group (chmod g-w)`);
});

test('nothing that a document could not say leads out', async () => {
  await file('outside/a');
  for (const name of ['../outside/a', '..', '.', '', 'a\0b']) {
    for (const path of ['default', '', at('allowed')])
      expect(await locate(name, path)).toMatchObject({ kind: 'fault' });
  }
});

test('a directory outside the allowed ones is refused, whether or not it has the file', async () => {
  await file('outside/a');
  await file('allowed-too/a');
  expect(await reason('a', at('outside'))).toBe(`not permitted: ${at('outside')} ${OUTSIDE}`);
  expect(await reason('absent', at('outside'))).toBe(`not permitted: ${at('outside')} ${OUTSIDE}`);
  expect(await reason('a', base)).toBe(`not permitted: ${base} ${OUTSIDE}`);
  // Not below `allowed`, though its name begins so.
  expect(await reason('a', at('allowed-too'))).toBe(`not permitted: ${at('allowed-too')} ${OUTSIDE}`);
});

test('`..` does not lead out', async () => {
  await file('outside/a');
  const path = `${at('allowed')}/../outside`;
  expect(await reason('a', path)).toBe(`not permitted: ${path}, which is ${at('outside')}, ${OUTSIDE}`);
  await file('allowed/b');
  expect(await locate('b', `${at('outside')}/../allowed`)).toMatchObject({ file: at('allowed/b') });
});

test('a symbolic link does not lead out, be it the file or a directory on the way', async () => {
  const real = await file('outside/a');
  await symlink(real, at('own/link'));
  await symlink(at('outside'), at('allowed/link'));
  expect(await reason('link', 'default')).toBe(`not permitted: ${at('own/link')}, which is ${real}, ${OUTSIDE}`);
  // Not passed over for what follows on PATH.
  await file('onPath/link');
  expect(await reason('link')).toBe(`not permitted: ${at('own/link')}, which is ${real}, ${OUTSIDE}`);
  expect(await reason('a', at('allowed/link'))).toBe(
    `not permitted: ${at('allowed/link')}, which is ${at('outside')}, ${OUTSIDE}`,
  );
});

test('a link to a place that is allowed is followed, and the real path is what runs', async () => {
  const real = await file('allowed/sub/a');
  await symlink(real, at('own/link'));
  expect(await locate('link', 'default')).toEqual({ kind: 'found', file: real, name: at('own/link') });
  await symlink(at('allowed'), at('way'));
  expect(await locate('a', at('way/sub'))).toMatchObject({ file: real });
  expect(await locate('a', at('allowed/sub'), { allowedDirectories: [at('way')] })).toMatchObject({ file: real });
});

test.each([0o755, 0o700, 0o500, 0o555])('mode %o is safe', async (mode) => {
  await file('own/a', mode);
  expect(await locate('a', 'default')).toMatchObject({ kind: 'found' });
});

test.each([
  ['own/a', 0o757, 'everyone (chmod o-w)'],
  ['own/a', 0o775, 'its group (chmod g-w)'],
  ['allowed/sub', 0o757, 'everyone (chmod o-w)'],
  ['allowed/sub', 0o1777, 'everyone (chmod o-w)'],
  ['allowed', 0o775, 'its group (chmod g-w)'],
  ['own', 0o2775, 'its group (chmod g-w)'],
])('%s with mode %o is refused, and its mode said', async (part, mode, who) => {
  await file('own/a');
  await file('allowed/sub/a');
  await chmod(at(part), mode);
  const path = part.startsWith('own') ? 'default' : at('allowed/sub');
  expect(await reason('a', path)).toBe(`not permitted: ${at(part)} is writable by ${who}`);
});

test('an unsafe file does not run, even where a safe one follows on PATH', async () => {
  await file('own/a', 0o702);
  await file('onPath/a');
  expect(await reason('a')).toBe(`not permitted: ${at('own/a')} is writable by everyone (chmod o-w)`);
});

test('a link in an unsafe directory is refused, though what it leads to is safe', async () => {
  await symlink(await file('own/a'), at('allowed/link'));
  await chmod(at('allowed'), 0o777);
  expect(await reason('link', at('allowed'))).toBe(
    `not permitted: ${at('allowed')} is writable by everyone (chmod o-w)`,
  );
});

test('what lies above the directory that the device names is the administrator’s business', async () => {
  await file('own/a');
  await chmod(base, 0o1777);
  expect(await locate('a', 'default')).toMatchObject({ kind: 'found' });
});

test.for(['own/a', 'own'])('%s of another user is refused, and its owner said', async (part, { skip }) => {
  if (!isRoot()) skip('only root can give a file away');
  await file('own/a');
  await chown(at(part), 65534, 65534);
  expect(await reason('a', 'default')).toBe(
    `not permitted: ${at(part)} is owned by uid 65534, and neither by root nor by the agent's user (chown root)`,
  );
});

test('what is no regular file is refused', async () => {
  await mkdir(at('own/folder'));
  expect(await reason('folder', 'default')).toBe(`not permitted: ${at('own/folder')} is not a regular file`);
});

test('a handler directory that has anything of the name keeps a built-in from taking over', async () => {
  expect(await handlerFileInDirectory('a', at('own'))).toBe(false);
  expect(await handlerFileInDirectory('a', at('absent'))).toBe(false);
  expect(await handlerFileInDirectory('a', undefined)).toBe(false);
  await file('own/a', 0o666);
  await symlink('/no/such', at('own/dangling'));
  await symlink('loop', at('own/loop'));
  for (const name of ['a', 'dangling', 'loop']) expect(await handlerFileInDirectory(name, at('own'))).toBe(true);
});

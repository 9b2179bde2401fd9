import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalFaultError } from '../../src/errors.ts';
import { loadPlugins } from '../../src/handlers/plugin-loader.ts';
import { silentLog } from '../support/silent-log.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plugins-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function plugin(name: string, source: string, mode = 0o644): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, source);
  await chmod(path, mode);
  return path;
}
const good = (name: string) => `export default { name: '${name}', accepts: () => true, run() {} };`;

test('plug-ins come in the order of the config, the example among them', async () => {
  const paths = [await plugin('b.mjs', good('b')), resolve('config/handlers/write-note.mjs')];
  expect((await loadPlugins(paths, silentLog)).map(({ name }) => name)).toEqual(['b', 'write-note']);
});

test.each([
  ['nothing', 'export const a = 1;', 'it has no default export'],
  ['a missing function', "export default { name: 'x', accepts() {} };", 'missing run'],
  ['a name that is no string', 'export default { name: 1, accepts() {}, run() {} };', 'name: expected a string'],
  ['a syntax error', 'export default {', 'it cannot be imported'],
  ['a reserved name', good('aws-document'), 'is taken'],
])('a module that exports %s is a local fault that names the path', async (_title, source, problem) => {
  const path = await plugin('x.mjs', source);
  const loading = loadPlugins([path], silentLog);
  await expect(loading).rejects.toThrow(LocalFaultError);
  await expect(loading).rejects.toMatchObject({ code: 'PLUGIN_INVALID' });
  await expect(loading).rejects.toThrow(path);
  await expect(loading).rejects.toThrow(problem);
});

test('a file that everyone may write, a missing one and a name used twice are refused', async () => {
  await expect(loadPlugins([await plugin('w.mjs', good('w'), 0o666)], silentLog)).rejects.toThrow(
    'writable by everyone',
  );
  await expect(loadPlugins([join(directory, 'absent.mjs')], silentLog)).rejects.toThrow('ENOENT');
  const twice = [await plugin('1.mjs', good('same')), await plugin('2.mjs', good('same'))];
  await expect(loadPlugins(twice, silentLog)).rejects.toThrow('"same" is taken');
});

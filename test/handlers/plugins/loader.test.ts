import { chmodSync, chownSync, copyFileSync, lchownSync, mkdirSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalFaultError } from '../../../src/errors.ts';
import { examinePluginFile } from '../../../src/handlers/plugins/file.ts';
import { loadPlugins } from '../../../src/handlers/plugins/loader.ts';
import { PluginLab } from '../../support/plugin-lab.ts';
import { isRoot } from '../../support/root.ts';
import { silentLog } from '../../support/silent-log.ts';

let lab: PluginLab;
beforeEach(() => {
  lab = new PluginLab();
});
afterEach(() => lab.close());

const options = { memoryMegabytes: 64 };
const load = (...paths: string[]) => loadPlugins(paths, silentLog, options);
const good = (name: string) => `export default { name: '${name}', accepts: () => true, run() {} };`;

/** A copy of the example: a checkout may be writable by a group. */
function example(): string {
  copyFileSync('config/handlers/write-note.mjs', lab.file('write-note.mjs'));
  chmodSync(lab.file('write-note.mjs'), 0o644);
  return lab.file('write-note.mjs');
}

test('plug-ins come in the order of the config, the first issue’s example among them', async () => {
  const plugins = await load(lab.write('b.mjs', good('b')), example());
  expect(plugins.map(({ name }) => name)).toEqual(['b', 'write-note']);
});

describe('a module is a local fault that names the path', () => {
  test.each([
    ['that exports nothing', 'export const a = 1;', 'it has no default export'],
    ['that lacks run', "export default { name: 'x', accepts() {} };", 'missing run'],
    ['that has neither accepts nor schema', "export default { name: 'x', run() {} };", 'missing accepts (or a schema)'],
    ['whose name is no string', 'export default { name: 1, accepts() {}, run() {} };', 'name: expected a string'],
    [
      'whose schema is none',
      "export default { name: 'x', schema: {}, run() {} };",
      'schema: expected a Standard Schema',
    ],
    [
      'with a syntax error',
      'export default {\n  name: 5 5',
      'it cannot be imported: Unexpected number (node --check FILE says where)',
    ],
    ['that throws', 'throw new Error("no pump");', 'it cannot be imported: no pump'],
    ['that imports what is not there', "import '../absent.mjs';", 'it cannot be imported: Cannot find module'],
    ['that exits', 'process.exit(4);', 'its process exited with code 4 before it gave a result'],
    ['that kills its process', "process.kill(process.pid, 'SIGKILL');", 'its process was killed by SIGKILL'],
    [
      'with an error beside',
      'setTimeout(() => { throw new Error("x") }); await new Promise(() => {});',
      'ended its process: x',
    ],
    ['with a reserved name', good('aws-document'), 'is taken'],
  ])('%s', async (_title, source, problem) => {
    const path = lab.write('x.mjs', source);
    const loading = load(path);
    await expect(loading).rejects.toThrow(LocalFaultError);
    await expect(loading).rejects.toMatchObject({ code: 'PLUGIN_INVALID' });
    await expect(loading).rejects.toThrow(path);
    await expect(loading).rejects.toThrow(problem);
  });

  test.each([
    ['waits for ever at its top', 'await new Promise(() => setInterval(() => undefined, 1000));'],
    ['computes for ever at its top', 'for (;;);'],
  ])('that %s', async (_title, top) => {
    const loading = loadPlugins([lab.write('x.mjs', `${top}\n${good('x')}`)], silentLog, {
      ...options,
      loadDeadlineMs: 1500,
    });
    await expect(loading).rejects.toThrow('it was not loaded within 1500 ms: its import does not end');
  });

  test('that takes more memory than it may', async () => {
    const loading = loadPlugins(
      [lab.write('x.mjs', 'const kept = []; for (;;) kept.push({ n: Math.random() });')],
      silentLog,
      { memoryMegabytes: 24 },
    );
    await expect(loading).rejects.toThrow('it took more memory than 24 MiB (handlers.pluginMemoryMegabytes)');
  });

  test('that takes the name of another', async () => {
    await expect(load(lab.write('1.mjs', good('same')), lab.write('2.mjs', good('same')))).rejects.toThrow(
      '"same" is taken',
    );
  });
});

describe('a plug-in is not imported', () => {
  const bad = 'throw new Error("it was imported");';

  test.each([
    [0o646, 'it is writable by everyone (chmod o-w '],
    [0o664, 'it is writable by its group (chmod g-w '],
  ])('from a file of mode %o', async (mode, problem) => {
    const path = lab.write('x.mjs', bad);
    chmodSync(path, mode);
    await expect(load(path)).rejects.toThrow(problem);
  });

  test('from a directory that others may write, wherever it is on the way', async () => {
    mkdirSync(lab.file('open/inner'), { recursive: true });
    const path = lab.write('open/inner/x.mjs', bad);
    chmodSync(lab.file('open'), 0o777);
    await expect(load(path)).rejects.toThrow(`${lab.file('open')} is writable by everyone`);
    chmodSync(lab.file('open'), 0o775);
    await expect(load(path)).rejects.toThrow(`${lab.file('open')} is writable by its group`);
    mkdirSync(lab.file('links'));
    symlinkSync(path, lab.file('links/x.mjs'));
    await expect(load(lab.file('links/x.mjs'))).rejects.toThrow(`${lab.file('open')} is writable by its group`);
    // Nobody can replace another's directory in a sticky one, but anybody can put files beside those in it.
    chmodSync(lab.file('open'), 0o1777);
    await expect(load(path)).rejects.toThrow('it was imported');
    await expect(load(lab.write('open/x.mjs', bad))).rejects.toThrow(`${lab.file('open')} is writable by everyone`);
  });

  test('through a link in a directory that others may write', async () => {
    mkdirSync(lab.file('open'));
    symlinkSync(lab.write('x.mjs', bad), lab.file('open/x.mjs'));
    chmodSync(lab.file('open'), 0o777);
    await expect(load(lab.file('open/x.mjs'))).rejects.toThrow(`${lab.file('open')} is writable by everyone`);
    chmodSync(lab.file('open'), 0o1777);
    await expect(load(lab.file('open/x.mjs'))).rejects.toThrow(`${lab.file('open')} is writable by everyone`);
  });

  test('through a link in the middle of the way, be it of the file or of a directory, that others can turn', async () => {
    for (const name of ['a', 'b', 'open']) mkdirSync(lab.file(name));
    const real = lab.write('b/x.mjs', bad);
    symlinkSync(real, lab.file('open/x.mjs'));
    symlinkSync('../b', lab.file('open/b'));
    symlinkSync('../open/x.mjs', lab.file('a/file.mjs'));
    symlinkSync('../open/b', lab.file('a/folder'));
    await expect(load(lab.file('a/file.mjs'))).rejects.toThrow('it was imported');
    chmodSync(lab.file('open'), 0o777);
    for (const way of ['a/file.mjs', 'a/folder/x.mjs']) {
      await expect(load(lab.file(way))).rejects.toThrow(`${lab.file('open')} is writable by everyone`);
    }
    chmodSync(lab.file('open'), 0o1777);
    await expect(load(lab.file('a/file.mjs'))).rejects.toThrow(`${lab.file('open')} is writable by everyone`);
    expect(await examinePluginFile(real)).toMatchObject({ kind: 'safe', real });
  });

  test('through a link of another user, wherever it is', async ({ skip }) => {
    if (!isRoot()) skip('only root can give a link away');
    mkdirSync(lab.file('b'));
    lab.write('b/x.mjs', bad);
    mkdirSync(lab.file('sticky'));
    chmodSync(lab.file('sticky'), 0o1777);
    symlinkSync(lab.file('b'), lab.file('sticky/b'));
    await expect(load(lab.file('sticky/b/x.mjs'))).rejects.toThrow('it was imported');
    lchownSync(lab.file('sticky/b'), 12_345, 12_345);
    await expect(load(lab.file('sticky/b/x.mjs'))).rejects.toThrow(`${lab.file('sticky/b')} belongs to the user 12345`);
  });

  test('and what is imported is the file that was looked at, whatever the link names by then', async () => {
    mkdirSync(lab.file('a'));
    const real = lab.write('real.mjs', `export default { name: process.argv[2], accepts() {}, run() {} };`);
    symlinkSync(real, lab.file('a/x.mjs'));
    expect(await examinePluginFile(lab.file('a/x.mjs'))).toMatchObject({ kind: 'safe', real });
    const [plugin] = await load(lab.file('a/x.mjs'));
    expect(plugin?.name).toBe(real);
  });

  test('from a file of another user', async () => {
    const path = lab.write('x.mjs', bad);
    const root = process.getuid?.() === 0;
    if (root) chownSync(path, 12_345, 12_345);
    expect(await examinePluginFile(path, false, root ? undefined : 12_345)).toMatchObject({
      kind: 'unsafe',
      problem: expect.stringMatching(/belongs to the user \d+: expected root or the agent's own user/),
    });
  });

  test('from a path that is not absolute, a directory, or nowhere', async () => {
    await expect(load('x.mjs')).rejects.toThrow('expected an absolute path');
    await expect(load(lab.directory)).rejects.toThrow('it is not a regular file');
    await expect(load(lab.file('absent.mjs'))).rejects.toThrow('ENOENT');
  });
});

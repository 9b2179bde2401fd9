import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { runProgramHandler } from '../../src/testing/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const GUIDE = readFileSync(join(ROOT, 'docs/handlers.md'), 'utf8');
const hasPython = spawnSync('python3', ['--version']).status === 0;

/** Blocks of the guide that are whole files: `file=<directory>/<name>` after the language. */
const files = [...GUIDE.matchAll(/^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', content = '']) => ({
  name,
  content,
}));

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'guide-'));
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(ROOT, join(directory, 'node_modules/thing-agent'));
  symlinkSync(join(ROOT, 'node_modules/valibot'), join(directory, 'node_modules/valibot'));
  for (const { name, content } of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content, { mode: /\.(sh|py)$/.test(name) ? 0o755 : 0o644 });
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs tests of Node's own runner, and tells how many passed. Throws with their output when one fails. */
function nodeTest(cwd: string, ...patterns: string[]): number {
  const args = ['--test', '--test-reporter=tap', ...patterns];
  const output = execFileSync(process.execPath, args, { cwd, encoding: 'utf8' });
  return Number(/^# pass (\d+)$/m.exec(output)?.[1]);
}

describe('docs/handlers.md', () => {
  it('has a quick start in shell, Python and JavaScript, and a schema', () => {
    expect([...new Set(files.map(({ name }) => dirname(name)))]).toEqual(['shell', 'python', 'javascript', 'schema']);
  });

  it.each([
    ['shell', 3],
    ['javascript', 3],
    ['schema', 2],
  ])('is true: the files of its part "%s" pass their tests', (part, count) => {
    expect(nodeTest(join(directory, part))).toBe(count);
  });

  it.skipIf(!hasPython)('is true: the files of its part "python" pass their tests', () => {
    expect(nodeTest(join(directory, 'python'))).toBe(3);
  });

  it('names every variable that tells a program about its job', async () => {
    const file = join(directory, 'variables.sh');
    writeFileSync(file, '#!/bin/sh\nenv\n', { mode: 0o755 });
    const { output } = await runProgramHandler(file, { rebooted: true });
    const names = [...output.stdout.matchAll(/^(JOB_\w+)=/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !GUIDE.includes(`\`${name}\``))).toEqual([]);
  });

  it('leads nowhere that is not there', () => {
    const links = [...GUIDE.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
    const sections = [...GUIDE.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(links.length).toBeGreaterThan(15);
    for (const [, file = '', section] of links) {
      if (file === '' && section !== undefined) expect(sections).toContain(section);
      expect(existsSync(join(ROOT, 'docs', file)), file).toBe(true);
    }
  });
});

test('the examples under config/handlers pass their tests', () => {
  expect(nodeTest(ROOT, 'config/handlers/*.test.mjs')).toBe(hasPython ? 19 : 13);
});

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const run = (...args: string[]) => spawnSync(process.execPath, ['dist/main.js', ...args], { encoding: 'utf8' });

test('help and version end with 0', () => {
  expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Examples:') });
  expect(run('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test.each([[['no-such']], [['run', '--no-such']], [['run', '--port', 'x']]])('%j is a usage error: 64', (args) => {
  expect(run(...args).status).toBe(64);
});

test('a missing configuration is a local fault: 78', () => {
  const end = run('run', '--config', '/no/such.json');
  expect(end).toMatchObject({ status: 78, stderr: expect.stringContaining('CONFIG_MISSING') });
});

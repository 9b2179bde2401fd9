import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { type BuiltIn, defineBuiltIn } from '../../../src/handlers/built-ins/built-in.ts';
import { createBuiltIns } from '../../../src/handlers/built-ins/registry.ts';
import { builtInNamed } from './built-in-lab.ts';

const downloadFile: BuiltIn = defineBuiltIn({
  action: 'downloadFile',
  script: 'download-file.sh',
  input: v.object({}),
  fromArguments: () => ({}),
  run: async () => ({ outcome: 'succeeded', details: {} }),
});
const builtIns = createBuiltIns({ agentVersion: '1.2.3', stateDirectory: '/', downloadFile });

function problems(action: string, input: unknown): string[] {
  const parsed = v.safeParse(builtInNamed(builtIns, action).input, input);
  return parsed.success ? [] : parsed.issues.map(({ message }) => message);
}

test('every script of the sample handlers has its built-in, by an action of the same name', () => {
  const expected = `reboot shutdown download-file install-packages remove-packages verify-packages-installed
    verify-packages-removed start-services stop-services restart-services health-check`;
  expect(builtIns.map(({ script }) => script).sort()).toEqual(
    expected
      .split(/\s+/)
      .map((name) => `${name}.sh`)
      .sort(),
  );
  for (const { action, script } of builtIns) {
    expect(`${action.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.sh`).toBe(script);
  }
});

test.each([
  [['a', 'b']],
  [['a b']],
  [['  a ', '', 'b\t']],
])('a list arrives as several arguments or as one with spaces: %j', (args) => {
  expect(builtInNamed(builtIns, 'installPackages').fromArguments(args)).toEqual({ packages: ['a', 'b'] });
  expect(builtInNamed(builtIns, 'stopServices').fromArguments(args)).toEqual({ services: ['a', 'b'] });
});

test('an empty list is told as what it lacks', () => {
  const { fromArguments } = builtInNamed(builtIns, 'removePackages');
  expect(problems('removePackages', fromArguments(['', ' ']))).toEqual(['expected at least one package']);
  expect(problems('startServices', { services: [] })).toEqual(['expected at least one service']);
  expect(problems('startServices', { services: ' ' })).toEqual(['expected at least one service']);
  expect(problems('startServices', { services: 3 })).toEqual([
    'expected an array of service names, or one string with spaces between',
  ]);
  expect(problems('startServices', 'ssh')).toEqual(['expected an object']);
});

test.each([
  'hello',
  'g++',
  'libstdc++6',
  'python3.11',
  'libc6:armhf',
  'nginx=1:1.22.1-9+deb12u1~bpo1',
  'ImageMagick',
  'java-17-openjdk_x.x86_64',
])('%j is a package', (name) => {
  expect(problems('installPackages', { packages: [name] })).toEqual([]);
  expect(problems('verifyPackagesInstalled', { packages: [name] })).toEqual([]);
});

test.each([
  '-y',
  '--option=APT::Update::Pre-Invoke::=id',
  '-oDpkg::Pre-Invoke::=id',
  'bash-',
  './evil.deb',
  '/tmp/evil.deb',
  'https://example.com/evil.rpm',
  'hello/stable',
  'lib*',
  'hell?',
  '?installed',
  '~i',
  '@core',
  'standard^',
  'a;id',
  'a b',
  'a\nb',
  '$(id)',
  'a=',
  'a=-1',
  '',
  'a'.repeat(256),
])('%j is not a package', (name) => {
  for (const action of ['installPackages', 'removePackages', 'verifyPackagesInstalled', 'verifyPackagesRemoved']) {
    expect(problems(action, { packages: ['fine', name] })).not.toEqual([]);
  }
});

test('a template, whose parameters are texts, can give a typed input too', () => {
  const parsed = (action: string, input: unknown) => v.parse(builtInNamed(builtIns, action).input, input);
  expect(parsed('installPackages', { packages: 'a b=1' })).toEqual({ packages: ['a', 'b=1'] });
  expect(parsed('restartServices', { services: 'a' })).toEqual({ services: ['a'] });
  expect(problems('installPackages', { packages: 'a -y' })).toHaveLength(1);
  expect(parsed('healthCheck', { minimumFreeMegabytes: '100', maximumLoadPerProcessor: '1.5' })).toEqual({
    minimumFreeMegabytes: 100,
    maximumLoadPerProcessor: 1.5,
  });
  expect(problems('healthCheck', { minimumFreeMegabytes: '-1' })).toEqual(['expected a number from 0']);
});

test('what is removed is named without a version', () => {
  expect(problems('removePackages', { packages: ['hello=1'] })).toHaveLength(1);
  expect(problems('verifyPackagesRemoved', { packages: ['hello=1'] })).toHaveLength(1);
});

test.each([
  'ssh',
  'my-app.service',
  'getty@tty1.service',
  'dev-disk\\x2dby',
  'apt-daily.timer',
  '_a',
])('%j is a service', (name) => {
  expect(problems('restartServices', { services: [name] })).toEqual([]);
  expect(problems('healthCheck', { services: [name] })).toEqual([]);
});

test.each([
  '--force',
  '-Hroot@elsewhere',
  'poweroff.target',
  'system.slice',
  'home.mount',
  '../ssh',
  'ss*',
  '[a-z]',
  'a b',
  'a;b',
  '.',
  '',
  'a'.repeat(256),
])('%j is not a service', (name) => {
  for (const action of ['startServices', 'stopServices', 'restartServices', 'healthCheck']) {
    expect(problems(action, { services: [name] })).not.toEqual([]);
  }
});

test('the examples in the documentation are what the built-ins take', async () => {
  const text = await readFile(new URL('../../../docs/built-ins.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, block = '']) =>
    v.parse(Example, JSON.parse(block)),
  );
  const actions = blocks.flatMap(({ steps }) => steps.map(({ action }) => action));
  expect(actions.length).toBeGreaterThan(4);
  // What is said of downloads is shown where downloads are.
  for (const { type, input } of actions.filter((action) => action.type !== 'downloadFile')) {
    expect(`${type}: ${problems(type, input).join()}`).toBe(`${type}: `);
  }
});

const Example = v.object({
  version: v.literal('1.0'),
  steps: v.array(v.object({ action: v.object({ type: v.string(), input: v.optional(v.unknown(), {}) }) })),
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { variables } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configKeys, settingKinds } from '../../src/config/schema.ts';
import { validateConfig } from '../../src/config/validate.ts';

const GOOD = { thingName: 't', endpoint: 'e', certificatePath: 'c.pem', privateKeyPath: 'k.pem' };
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function load(content: string, env: NodeJS.ProcessEnv = {}, flags: { path: string[]; value: unknown }[] = []) {
  const path = join(directory, 'agent.json');
  writeFileSync(path, content);
  return loadConfig({ path, env, flags });
}
function problems(settings: unknown): readonly string[] {
  const validated = validateConfig(settings, '/d');
  return validated.ok ? [] : validated.problems;
}

test('flags stand above the environment, and that above the file', () => {
  const content = JSON.stringify({ ...GOOD, port: 1 });
  const env = { THING_AGENT_PORT: '2' };
  expect(load(content).port).toBe(1);
  expect(load(content, env).port).toBe(2);
  expect(load(content, env, [{ path: ['port'], value: 3 }]).port).toBe(3);
});

test('relative paths start at the file, those of environment and flags at the working directory', () => {
  const env = { THING_AGENT_PRIVATE_KEY_PATH: 'env.pem' };
  const config = load(JSON.stringify(GOOD), env, [{ path: ['stateDirectory'], value: 'state' }]);
  expect(config.certificatePath).toBe(join(directory, 'c.pem'));
  expect(config.privateKeyPath).toBe(resolve('env.pem'));
  expect(config.stateDirectory).toBe(resolve('state'));
});

test.each([
  ['{\n  "a": hush\n}', 'an unexpected token'],
  ['{\n  hush: 1\n}', 'line 2, column 3'],
  ['{\n"hush": 1', 'line 2, column 10'],
  ['', 'line 1, column 1'],
])('text that is not JSON is told by its place and never quoted: %j', (content, place) => {
  expect(() => load(content)).toThrow(place);
  expect(() => load(content)).not.toThrow('hush');
});

test('all problems are told at once, with suggestions', () => {
  const told = problems({ ...GOOD, thingName: undefined, endpiont: 'x', mqtt: [], port: 0 }).join('\n');
  expect(told).toContain('thingName: expected 1 to 128 letters, digits, colons, underscores or hyphens, got nothing');
  expect(told).toContain('endpiont: unknown key; did you mean endpoint?');
  expect(told).toContain('mqtt: expected an object, got an array');
  expect(told).toContain('port: expected a whole number from 1 to 65535, got 0');
  expect(problems({})).toContain(
    'thingName: expected 1 to 128 letters, digits, colons, underscores or hyphens, got nothing',
  );
  expect(problems([])).toEqual(['the configuration: expected an object, got an array']);
});

test('a port is good exactly in its range', () => {
  fc.assert(
    fc.property(fc.integer({ min: -10, max: 70_000 }), (port) => {
      expect(problems({ ...GOOD, port }).length === 0).toBe(port >= 1 && port <= 65_535);
    }),
    { interruptAfterTimeLimit: 3000 },
  );
});

test('the examples are valid, and the documentation has every setting with its variable', () => {
  const read = (name: string): string => readFileSync(name, 'utf8');
  for (const name of ['agent.json', 'agent-restricted.json']) {
    expect(problems(JSON.parse(read(`config/${name}`)))).toEqual([]);
  }
  const documentation = read('docs/configuration.md');
  for (const [name, { path }] of variables()) {
    expect(documentation).toContain(`| \`${path.join('.')}\` |`);
    expect(documentation).toContain(`\`${name.replace('THING_AGENT_', '')}\``);
  }
});

const EVERY_VARIABLE = {
  THING_AGENT_PORT: '443',
  THING_AGENT_JOBS__MAX_INTERRUPTIONS: '7',
  THING_AGENT_MQTT__PROTOCOL_VERSION: '5',
  THING_AGENT_HANDLERS__DIRECTORY: 'handlers',
  THING_AGENT_HANDLERS__ALLOWED_DIRECTORIES: 'a, /b',
  THING_AGENT_HANDLERS__PLUGINS: '["p.mjs"]',
  THING_AGENT_EXECUTION_LOGS__KEEP_DAYS: '3',
  THING_AGENT_REBOOT__COMMAND: 'sudo,-n,reboot',
  THING_AGENT_REBOOT__SHUTDOWN_COMMAND: '["sh","-c","a,b"]',
  THING_AGENT_DOWNLOAD__PUBLIC_KEY_PATH: 'key.pem',
  THING_AGENT_ATTRIBUTES: 'region=eu, site=a=b,empty=',
  THING_AGENT_POLICY__DENY_COMMANDS: 'rm *,reboot',
  THING_AGENT_POLICY__ALLOW_PLAIN_HTTP: 'true',
  THING_AGENT_POLICY__DENY_FEATURES: 'environment',
};

test('every kind of setting can come from the environment', () => {
  const config = load(JSON.stringify(GOOD), EVERY_VARIABLE);
  expect(config).toMatchObject({
    port: 443,
    jobs: { maxInterruptions: 7 },
    mqtt: { protocolVersion: 5 },
    handlers: {
      directory: resolve('handlers'),
      allowedDirectories: [resolve('a'), '/b'],
      plugins: [resolve('p.mjs')],
    },
    executionLogs: { keepDays: 3 },
    reboot: { command: ['sudo', '-n', 'reboot'], shutdownCommand: ['sh', '-c', 'a,b'] },
    download: { publicKeyPath: resolve('key.pem') },
    attributes: { region: 'eu', site: 'a=b', empty: '' },
    policy: { denyCommands: ['rm *', 'reboot'], allowPlainHttp: true, denyFeatures: ['environment'] },
  });
  expect(load(JSON.stringify(GOOD), { THING_AGENT_ATTRIBUTES: '{"a":"b,c=d"}' }).attributes).toEqual({ a: 'b,c=d' });
});

test.each([
  ['THING_AGENT_PORT', 'x', 'port: expected a whole number from 1 to 65535, got "x"'],
  ['THING_AGENT_POLICY__ALLOW_PLAIN_HTTP', 'yes', 'policy.allowPlainHttp: expected true or false, got "yes"'],
  ['THING_AGENT_HANDLERS__PLUGINS', '[', 'handlers.plugins: expected an array of paths, got "["'],
  ['THING_AGENT_ATTRIBUTES', 'region', 'attributes: expected an object, got "region"'],
  ['THING_AGENT_ATTRIBUTES', '{"a":1}', 'attributes.a: expected a string, got 1'],
])('a variable that cannot be read is told by its setting: %s=%s', (name, value, problem) => {
  expect(() => load(JSON.stringify(GOOD), { [name]: value })).toThrow(problem);
});

test('every path in the file starts at the file, wherever in the file it is', () => {
  const kinds = [...settingKinds()].filter(([, kind]) => kind === 'path' || kind === 'paths');
  expect(kinds).toEqual(
    expect.arrayContaining([
      ['certificatePath', 'path'],
      ['handlers.allowedDirectories', 'paths'],
      ['handlers.plugins', 'paths'],
      ['download.publicKeyPath', 'path'],
    ]),
  );
  const settings: Record<string, Record<string, unknown>> = {};
  for (const [key, kind] of kinds) {
    const [section = '', name] = key.split('.');
    const value = kind === 'paths' ? ['./x', '/y'] : './x';
    if (name === undefined) Object.assign(settings, { [section]: value });
    else settings[section] = { ...settings[section], [name]: value };
  }
  const config = load(JSON.stringify({ ...GOOD, ...settings }));
  const text = JSON.stringify(config);
  expect(text.split(JSON.stringify(join(directory, 'x'))).length - 1).toBe(kinds.length);
  expect(text).not.toContain('./x');
});

test.each<[object, string]>([
  [{ reboot: { command: [] } }, 'reboot.command: expected at least one word, got an empty array'],
  [{ reboot: { shutdownCommand: [''] } }, 'reboot.shutdownCommand[0]: expected a non-empty string, got ""'],
  [{ policy: { denyFeatures: ['runScript'] } }, 'policy.denyFeatures[0]: expected one of runHandler, runCommand'],
  [{ policy: { allowHandler: ['a'] } }, 'policy.allowHandler: unknown key; did you mean allowHandlers?'],
  [{ policy: { allowHandlers: 'a.sh' } }, 'policy.allowHandlers: expected an array of strings, got "a.sh"'],
  [{ attributes: { 'a b': 'x' } }, 'attributes["a b"]: expected a name of 1 to 128 letters'],
  [{ attributes: ['x'] }, 'attributes: expected an object, got an array'],
  [JSON.parse('{"attributes":{"__proto__":"x","constructor":"y"}}'), 'attributes.constructor: cannot be a name here'],
  [{ handlers: { allowedDirectories: ['a', ''] } }, 'handlers.allowedDirectories[1]: expected a path, got ""'],
])('%j is told: %s', (settings, problem) => {
  expect(problems({ ...GOOD, ...settings }).join('\n')).toContain(problem);
});

test('the default of the policy takes everything but plain http, and is complete', () => {
  const validated = validateConfig(GOOD, '/');
  expect(validated.ok && validated.config.policy).toEqual({
    ...{ allowHandlers: ['*'], denyHandlers: [], allowCommands: ['*'], denyCommands: [] },
    ...{ allowUsers: ['*'], denyUsers: [], allowDownloadHosts: ['*'], denyDownloadHosts: [] },
    ...{ allowPlainHttp: false, denyFeatures: [] },
  });
  expect(configKeys().get('policy')).toHaveLength(10);
});

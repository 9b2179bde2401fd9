import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { toJsonSchema } from '@valibot/to-json-schema';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
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

test('the committed JSON schema is the one that the code gives, and the example is valid', () => {
  const read = (name: string): unknown => JSON.parse(readFileSync(`config/${name}`, 'utf8'));
  const generated = { title: 'thing-agent configuration', ...toJsonSchema(configSchema, { typeMode: 'input' }) };
  expect(read('agent.schema.json')).toEqual(JSON.parse(JSON.stringify(generated)));
  expect(problems(read('agent.json'))).toEqual([]);
});

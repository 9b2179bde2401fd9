import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { LocalFaultError } from '../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'config-fuzz-'));
const path = join(directory, 'agent.json');
const bounded = { interruptAfterTimeLimit: 3_000, markInterruptAsFailure: false, numRuns: 2_000 };

afterAll(() => rmSync(directory, { recursive: true }));

function loadOrFault(content: string | Uint8Array, env: Record<string, string> = {}): void {
  writeFileSync(path, content);
  try {
    loadConfig({ path, env, flags: [] });
  } catch (error) {
    expect(error).toBeInstanceOf(LocalFaultError);
  }
}

const keys = fc.constantFrom(
  'thingName',
  'endpoint',
  'port',
  'mqtt',
  'jobs',
  'handlers',
  'log',
  'plugins',
  '__proto__',
);

describe('a configuration', () => {
  it('of any bytes or JSON loads, or is a local fault in words', () => {
    const content = fc.oneof(
      fc.uint8Array(),
      fc.json(),
      fc
        .dictionary(keys, fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue())))
        .map((o) => JSON.stringify(o)),
    );
    fc.assert(
      fc.property(content, (text) => loadOrFault(text)),
      bounded,
    );
  });

  it('with any environment loads, or is a local fault in words', () => {
    const name = fc.oneof(
      fc.constantFrom('THING_NAME', 'PORT', 'MQTT__KEEP_ALIVE_SECONDS', 'HANDLERS__PLUGINS', 'LOG__LEVEL', 'LOG'),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.dictionary(
          name.map((text) => `THING_AGENT_${text}`),
          fc.string(),
        ),
        (env) => loadOrFault('{}', env),
      ),
      bounded,
    );
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deviceAttributes, unmetConditions } from '../../src/execution/conditions.ts';
import type { Condition } from '../../src/execution/job-document.ts';
import { parseOsRelease, readHostFacts } from '../../src/system/host-facts.ts';

const facts = {
  thingName: 'pi-1',
  agentVersion: '0.1.0',
  platform: 'linux',
  operatingSystem: 'debian',
  operatingSystemVersion: '12',
  kernelRelease: '6.12.25',
  architecture: 'arm64',
  machine: 'aarch64',
};
const condition = (key: string, ...values: string[]): Condition => ({ key, values, type: 'stringEqual' });
const unmet = (configured: Record<string, string>, ...conditions: Condition[]) =>
  unmetConditions(conditions, deviceAttributes(facts, configured));

describe('a condition', () => {
  test('holds when any of its values is the attribute, exactly', () => {
    expect(unmet({ region: 'eu' }, condition('region', 'us', 'eu'), condition('architecture', 'arm64'))).toEqual([]);
    expect(unmet({ region: 'EU' }, condition('region', 'eu'))).toEqual([
      'condition "region" is not met: expected "eu"; this device has "EU"',
    ]);
    expect(unmet({ region: 'eu ' }, condition('region', 'eu'))).toHaveLength(1);
    expect(unmet({ region: '' }, condition('region', ''))).toEqual([]);
  });

  test('that is not met is told with what was expected and what the device has', () => {
    expect(unmet({ region: 'ap' }, condition('region', 'eu', 'us'))).toEqual([
      'condition "region" is not met: expected one of "eu", "us"; this device has "ap"',
    ]);
  });

  test('of an attribute that the device lacks is not met, whatever its values', () => {
    expect(unmet({}, condition('region', 'eu', ''), condition('operatingsystem', 'debian'))).toEqual([
      'condition "region" is not met: expected one of "eu", ""; this device has no such attribute',
      'condition "operatingsystem" is not met: expected "debian"; this device has no such attribute; did you mean "operatingSystem"?',
    ]);
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(unmet({}, condition(name, 'undefined', ''))).toHaveLength(1);
    }
  });

  test('that is not met is told beside the others that are not', () => {
    expect(unmet({}, condition('a', 'x'), condition('thingName', 'pi-1'), condition('b', 'y'))).toHaveLength(2);
  });
});

describe('the attributes of a device', () => {
  test('are its facts, and above them what its configuration says', () => {
    const attributes = deviceAttributes(facts, { operatingSystem: 'ubuntu', site: '7' });
    expect(Object.fromEntries(attributes)).toEqual({ ...facts, operatingSystem: 'ubuntu', site: '7' });
  });

  test('lack what the host does not say', () => {
    const attributes = deviceAttributes({ ...facts, operatingSystemVersion: undefined });
    expect(attributes.has('operatingSystemVersion')).toBe(false);
  });
});

describe('the facts of a host', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'os-release-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test('are read from the first os-release file that is there', () => {
    const second = join(directory, 'second');
    writeFileSync(second, 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n');
    expect(readHostFacts([join(directory, 'none'), second])).toMatchObject({
      operatingSystem: 'debian',
      operatingSystemVersion: '12',
      platform: process.platform,
      architecture: process.arch,
    });
  });

  test('are those of the platform where there is none', () => {
    const found = readHostFacts([join(directory, 'none')]);
    expect(found.operatingSystem).toBe(process.platform);
    expect(found.operatingSystemVersion).toBeUndefined();
    expect([found.kernelRelease, found.machine].every((fact) => fact.length > 0)).toBe(true);
  });

  // os-release(5): shell-compatible assignments, quotes where needed, comments after #.
  test.each([
    ['ID=arch', 'arch'],
    ['ID="ubuntu"', 'ubuntu'],
    ["ID='rhel'", 'rhel'],
    ['ID="a\\"b\\$c\\\\d"', 'a"b$c\\d'],
    ['# ID=no\n  ID=yes  \nid=no', 'yes'],
    ['ID_LIKE=debian', undefined],
  ])('%j', (content, id) => {
    expect(parseOsRelease(content).get('ID')).toBe(id);
  });
});

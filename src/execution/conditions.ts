import type { HostFacts } from '../system/host-facts.ts';
import { quoted } from '../system/problem-text.ts';
import { nearest } from '../system/suggestion.ts';
import type { Condition } from './job-document.ts';

/** What conditions may ask for without a word in the configuration. docs/job-documents.md lists them. */
export interface DeviceFacts extends HostFacts {
  readonly thingName: string;
  readonly agentVersion: string;
}

/** Names and values; a name that is not among them has no value. */
export type DeviceAttributes = ReadonlyMap<string, string>;

/**
 * The facts, and above them what the configuration says: a fleet whose documents call all its systems `ubuntu` can go
 * on to, and a fact that a later version adds cannot make a configuration wrong that was right before.
 */
export function deviceAttributes(
  facts: DeviceFacts,
  configured: Readonly<Record<string, string>> = {},
): DeviceAttributes {
  const known = Object.entries(facts).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Map([...known, ...Object.entries(configured)]);
}

/**
 * One phrase for each condition that the device does not meet: `condition "region" is not met: expected one of "eu",
 * "us"; this device has "ap"`. Strings are compared exactly, as `stringEqual` says.
 */
export function unmetConditions(conditions: readonly Condition[], attributes: DeviceAttributes): string[] {
  return conditions
    .filter(({ key, values }) => {
      const actual = attributes.get(key);
      return actual === undefined || !values.includes(actual);
    })
    .map(({ key, values }) => {
      const expected = `expected ${values.length === 1 ? '' : 'one of '}${values.map(quoted).join(', ')}`;
      return `condition ${quoted(key)} is not met: ${expected}; this device has ${has(key, attributes)}`;
    });
}

function has(key: string, attributes: DeviceAttributes): string {
  const actual = attributes.get(key);
  if (actual !== undefined) return quoted(actual);
  const near = nearest(key, [...attributes.keys()]);
  return `no such attribute${near === undefined ? '' : `; did you mean ${quoted(near)}?`}`;
}

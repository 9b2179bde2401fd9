import { isAbsolute, resolve } from 'node:path';
import * as v from 'valibot';
import { pathText, shown } from '../system/problem-text.ts';
import { nearest } from '../system/suggestion.ts';
import type { AgentConfig } from './config.ts';
import { configKeys, configSchema, settingKinds } from './schema.ts';

export type Validated =
  | { readonly ok: true; readonly config: AgentConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Checks merged settings as a whole: every problem at once, each with its path, what was expected and what was there.
 * Relative paths start at `directory`. Pure.
 */
export function validateConfig(settings: unknown, directory: string): Validated {
  const unknown = unknownKeys(settings);
  const objects = objectProblems(settings);
  if (objects.length > 0) return { ok: false, problems: [...unknown, ...objects, ...otherProblems(settings)] };
  const parsed = v.safeParse(configSchema, settings);
  if (!parsed.success || unknown.length > 0) {
    // Valibot tells the first unknown key of an object only: ours are all there.
    const others = (parsed.issues ?? []).filter((issue) => !isUnknownKey(issue)).map(problem);
    return { ok: false, problems: [...unknown, ...others] };
  }
  const { $schema: _, ...config } = parsed.output;
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(directory, path));
  return {
    ok: true,
    config: {
      ...config,
      clientId: config.clientId ?? config.thingName,
      certificatePath: absolute(config.certificatePath),
      privateKeyPath: absolute(config.privateKeyPath),
      rootCaPath: config.rootCaPath === undefined ? undefined : absolute(config.rootCaPath),
      stateDirectory: absolute(config.stateDirectory),
      handlers: {
        ...config.handlers,
        directory: config.handlers.directory === undefined ? undefined : absolute(config.handlers.directory),
        allowedDirectories: config.handlers.allowedDirectories.map(absolute),
        plugins: config.handlers.plugins.map(absolute),
      },
      reboot: { ...config.reboot, bootIdPath: absolute(config.reboot.bootIdPath) },
      download: {
        ...config.download,
        publicKeyPath:
          config.download.publicKeyPath === undefined ? undefined : absolute(config.download.publicKeyPath),
      },
    },
  };
}

function unknownKeys(settings: unknown): string[] {
  const keys = configKeys();
  const problems: string[] = [];
  for (const [section, known] of keys) {
    const value: unknown = section === '' ? settings : isRecord(settings) ? settings[section] : undefined;
    if (!isRecord(value)) continue;
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const suggestion = nearest(key, known);
      const path = section === '' ? key : `${section}.${key}`;
      problems.push(`${path}: unknown key${suggestion ? `; did you mean ${suggestion}?` : ''}`);
    }
  }
  return problems;
}

/** Valibot takes an array for an object, and leaves out names with a meaning of their own to JavaScript's objects. */
function objectProblems(settings: unknown): string[] {
  if (Array.isArray(settings)) return ['the configuration: expected an object, got an array'];
  if (!isRecord(settings)) return [];
  const maps = [...settingKinds()].filter(([, kind]) => kind === 'map').map(([name]) => name);
  const objects = [...configKeys().keys(), ...maps].filter((section) => section !== '');
  return [
    ...objects
      .filter((section) => Array.isArray(settings[section]))
      .map((section) => `${section}: expected an object, got an array`),
    ...maps.flatMap((name) =>
      ['__proto__', 'constructor', 'prototype']
        .filter((key) => isRecord(settings[name]) && Object.hasOwn(settings[name], key))
        .map((key) => `${name}.${key}: cannot be a name here: JavaScript has a meaning of its own for it`),
    ),
  ];
}

function otherProblems(settings: unknown): string[] {
  if (!isRecord(settings)) return [];
  const parsed = v.safeParse(configSchema, settings);
  return (parsed.issues ?? []).filter((issue) => !isUnknownKey(issue)).map(problem);
}

/** What the missing key's own schema expects: the object's schema says only that it is missing. */
function missingMessage(issue: v.BaseIssue<unknown>, path: string): string | undefined {
  if (issue.type !== 'strict_object' || issue.input !== undefined || path === '') return undefined;
  const entry = Object.entries(configSchema.entries).find(([key]) => key === path)?.[1];
  return entry && v.safeParse(entry, null).issues?.[0].message;
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never';
}

function problem(issue: v.BaseIssue<unknown>): string {
  const keys = (issue.path ?? []).map(({ key }) => key);
  const path = pathText(keys);
  const got = shown(issue.input, String(keys.at(-1) ?? ''));
  return `${path || 'the configuration'}: ${missingMessage(issue, path) ?? issue.message}, got ${got}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

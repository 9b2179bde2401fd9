import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { errorCode, errorMessage, LocalFaultError } from '../errors.ts';
import type { AgentConfig } from './config.ts';
import { readEnvironment } from './environment.ts';
import { settingKinds } from './schema.ts';
import { validateConfig } from './validate.ts';

export const DEFAULT_CONFIG_PATH = '/etc/thing-agent/agent.json';

/** One setting that stands above the file: `['mqtt', 'keepAliveSeconds']` and its value. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
}

export interface ConfigSources {
  /** Absent: the default path, which may be missing if environment and flags say all that is required. */
  readonly path?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly flags: readonly Setting[];
}

/**
 * File, then environment, then flags, each above the one before.
 * Throws a LocalFaultError: CONFIG_MISSING, CONFIG_UNREADABLE, CONFIG_NOT_JSON, CONFIG_INVALID.
 */
export function loadConfig(sources: ConfigSources): AgentConfig {
  const path = resolve(sources.path ?? DEFAULT_CONFIG_PATH);
  const environment = readEnvironment(sources.env);
  const above = [...environment.settings, ...sources.flags].map(fromWorkingDirectory);
  let settings = readConfigFile(path, sources.path === undefined && above.length > 0);
  for (const setting of above) settings = withSetting(settings, setting);
  const validated = validateConfig(settings, dirname(path));
  const problems = [...environment.problems, ...(validated.ok ? [] : validated.problems)];
  if (!validated.ok || problems.length > 0) {
    const list = problems.map((problem) => `  ${problem}`).join('\n');
    throw new LocalFaultError(
      'CONFIG_INVALID',
      `the configuration is not valid (${path}, environment, flags):\n${list}`,
    );
  }
  return validated.config;
}

function readConfigFile(path: string, mayBeMissing: boolean): unknown {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && mayBeMissing) return {};
    if (errorCode(error) === 'ENOENT') {
      throw new LocalFaultError(
        'CONFIG_MISSING',
        `there is no configuration at ${path}: write one (see config/agent.json) or name it with --config`,
      );
    }
    throw new LocalFaultError('CONFIG_UNREADABLE', `${path} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    // No cause: V8's message quotes the file.
    throw new LocalFaultError('CONFIG_NOT_JSON', `${path} is not JSON: ${place(content, errorMessage(error))}`);
  }
}

/** Never changes its argument; a setting below something that is no object leaves that for the validation to tell. */
function withSetting(settings: unknown, { path: [key, ...rest], value }: Setting): unknown {
  if (key === undefined) return value;
  if (settings !== undefined && (typeof settings !== 'object' || settings === null || Array.isArray(settings)))
    return settings;
  const record: Record<string, unknown> = { ...settings };
  return { ...record, [key]: withSetting(record[key], { path: rest, value }) };
}

/** Relative paths in the environment and in flags start where the person stands, not where the file is. */
function fromWorkingDirectory({ path, value }: Setting): Setting {
  const kind = settingKinds().get(path.join('.'));
  if (kind === 'path') return { path, value: absolute(value) };
  if (kind === 'paths' && Array.isArray(value)) return { path, value: value.map(absolute) };
  return { path, value };
}

function absolute(value: unknown): unknown {
  return typeof value === 'string' && value !== '' ? resolve(value) : value;
}

/** V8 tells a position for most faults, and the end is one; for an unexpected token in a short text it tells none. */
function place(content: string, message: string): string {
  const told = /at position (\d+)/.exec(message)?.[1];
  const position = told ?? (message.includes('end of JSON') ? content.length : undefined);
  if (position === undefined) return 'an unexpected token';
  const before = content.slice(0, Number(position)).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

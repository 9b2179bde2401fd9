import { nearest } from '../system/suggestion.ts';
import { type SettingKind, settingKinds } from './schema.ts';

const PREFIX = 'THING_AGENT_';

/** `mqtt.keepAliveSeconds` → `THING_AGENT_MQTT__KEEP_ALIVE_SECONDS`. */
export function variableName(path: readonly string[]): string {
  return PREFIX + path.map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase()).join('__');
}

/** Every variable, the path of the setting that it sets, and how its text is read. */
export function variables(): ReadonlyMap<string, { readonly path: readonly string[]; readonly kind: SettingKind }> {
  const settings = [...settingKinds()].map(([key, kind]) => ({ path: key.split('.'), kind }));
  return new Map(settings.map((setting) => [variableName(setting.path), setting]));
}

/** The settings in the environment, and what is wrong with its names. Values become what their text looks like. */
export function readEnvironment(env: NodeJS.ProcessEnv): {
  readonly settings: readonly { readonly path: readonly string[]; readonly value: unknown }[];
  readonly problems: readonly string[];
} {
  const known = variables();
  const settings: { path: readonly string[]; value: unknown }[] = [];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === undefined) continue;
    const setting = known.get(name);
    if (setting) settings.push({ path: setting.path, value: fromText(setting.kind, value) });
    else {
      const suggestion = nearest(name, [...known.keys()]);
      problems.push(`${name}: unknown variable${suggestion ? `; did you mean ${suggestion}?` : ''}`);
    }
  }
  return { settings, problems };
}

/**
 * Numbers are digits, flags `true` or `false`; lists are JSON or separated by commas, maps are JSON or `name=value` with
 * commas between. What cannot be read so stays text, for the validation to say what was expected.
 */
function fromText(kind: SettingKind, text: string): unknown {
  switch (kind) {
    case 'number':
      return /^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'flag':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'list':
    case 'paths':
      return text.trim().startsWith('[') ? fromJson(text) : parts(text);
    case 'map':
      return text.trim().startsWith('{') ? fromJson(text) : fromPairs(text);
    case 'text':
    case 'path':
      return text;
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function fromPairs(text: string): unknown {
  const pairs = parts(text).map((part) => /^([^=]*)=([\s\S]*)$/.exec(part));
  if (pairs.some((pair) => pair === null)) return text;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1]?.trim() ?? '', pair?.[2]?.trim() ?? '']));
}

function parts(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

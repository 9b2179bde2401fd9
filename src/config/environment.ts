import { configKeys } from './schema.ts';
import { nearest } from './suggestion.ts';

const PREFIX = 'THING_AGENT_';

/** `mqtt.keepAliveSeconds` → `THING_AGENT_MQTT__KEEP_ALIVE_SECONDS`. */
export function variableName(path: readonly string[]): string {
  return PREFIX + path.map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase()).join('__');
}

/** Every variable and the path it sets. */
export function variables(): ReadonlyMap<string, readonly string[]> {
  const keys = configKeys();
  const paths: string[][] = [];
  for (const key of keys.get('') ?? []) {
    const inner = keys.get(key);
    if (inner) paths.push(...inner.map((name) => [key, name]));
    else if (key !== '$schema') paths.push([key]);
  }
  return new Map(paths.map((path) => [variableName(path), path]));
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
    const path = known.get(name);
    if (path) settings.push({ path, value: fromText(path, value) });
    else {
      const suggestion = nearest(name, [...known.keys()]);
      problems.push(`${name}: unknown variable${suggestion ? `; did you mean ${suggestion}?` : ''}`);
    }
  }
  return { settings, problems };
}

/** Lists are JSON or separated by commas, numbers are digits; everything else is text. */
function fromText(path: readonly string[], text: string): unknown {
  if (path.at(-1) === 'plugins') {
    if (!text.trim().startsWith('['))
      return text
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  }
  const numeric = ['port', 'protocolVersion', 'keepAliveSeconds', 'concurrency', 'stopGraceSeconds'];
  return numeric.includes(path.at(-1) ?? '') && /^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : text;
}

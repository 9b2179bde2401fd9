import { redact } from './redaction.ts';

/** Characters of a value that a message shows. */
const MOST_SHOWN = 80;

/** `['steps', 2, 'action']` → `steps[2].action`; keys that are no plain names are quoted. The root is an empty text. */
export function pathText(keys: readonly unknown[]): string {
  let text = '';
  for (const key of keys) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (typeof key === 'string' && /^[$\w-]+$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${quoted(String(key))}]`;
  }
  return text;
}

/**
 * What a message says was there instead of what was expected. Short, on one line, without control characters, and
 * without secrets: `key` is the name that the value stands under, for names tell secrets.
 */
export function shown(value: unknown, key = ''): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const safe = redact({ [key]: value })[key];
  if (typeof safe === 'string') return quoted(safe);
  return typeof safe === 'number' || typeof safe === 'boolean' || safe === null ? String(safe) : `a ${typeof safe}`;
}

/** A JSON string of what fits, with every invisible character escaped. */
export function quoted(text: string): string {
  // By code point, so that no pair of surrogates is cut; a lone one is escaped by JSON.stringify.
  const start = Array.from(text.slice(0, MOST_SHOWN * 2));
  const cut = start.length > MOST_SHOWN || text.length > MOST_SHOWN * 2;
  const json = JSON.stringify(start.slice(0, MOST_SHOWN).join(''));
  const visible = json.replace(/\p{C}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return cut ? `${visible.slice(0, -1)}…"` : visible;
}

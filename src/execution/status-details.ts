import type { StatusDetails } from '../jobs/model.ts';

const MAX_PAIRS = 10;
const MAX_KEY = 128;
const MAX_VALUE = 1024;

/**
 * Makes any entries what UpdateJobExecution takes (API reference, `statusDetails`): at most 10 pairs, the first kept;
 * keys `[a-zA-Z0-9:_-]{1,128}`; values of 1–1,024 characters without `\p{C}`. Line ends become ` | `. A value that is
 * too long keeps its start; one named in `keepEndOf` keeps its end, which is where the output of a program says why.
 */
export function statusDetails(
  entries: Readonly<Record<string, string | undefined>>,
  keepEndOf: readonly string[] = ['stdout', 'stderr'],
): StatusDetails {
  const pairs = new Map<string, string>();
  for (const [rawKey, rawValue] of Object.entries(entries)) {
    if (pairs.size === MAX_PAIRS) break;
    const key = rawKey.replace(/[^a-zA-Z0-9:_-]/gu, '_').slice(0, MAX_KEY);
    if (key === '' || rawValue === undefined || pairs.has(key)) continue;
    const value = keepEndOf.includes(rawKey) ? end(printable(rawValue)) : start(printable(rawValue));
    if (value !== '') pairs.set(key, value);
  }
  return Object.fromEntries(pairs);
}

/** One line without `\p{C}` (controls, formats, lone surrogates, private use, unassigned). */
function printable(value: string): string {
  return value
    .replace(/\r\n?/g, '\n')
    .trim()
    .replace(/\n+/g, ' | ')
    .replace(/\p{Cs}/gu, '')
    .replace(/\p{C}+/gu, ' ')
    .trim();
}

/** The limit is counted in UTF-16 code units, the strictest reading; a pair of surrogates is never split. */
function start(value: string): string {
  return value.slice(0, isInsidePair(value, MAX_VALUE) ? MAX_VALUE - 1 : MAX_VALUE);
}

function end(value: string): string {
  const from = Math.max(0, value.length - MAX_VALUE);
  return value.slice(isInsidePair(value, from) ? from + 1 : from);
}

function isInsidePair(value: string, index: number): boolean {
  const code = value.charCodeAt(index);
  return index > 0 && code >= 0xdc00 && code <= 0xdfff;
}

/**
 * A text of a policy with wildcards and variables. "Using wildcard characters in MQTT and AWS IoT Core policies" (AWS IoT
 * developer guide): `*` is any combination of characters, `/` included, `?` any single one; the MQTT wildcards `+` and `#`
 * have no special meaning. No regular expression: many `*` in one would take it for ever.
 */
export type Pattern = readonly (Units | { readonly variable: string })[];

/** Code points; ANY and ONE stand for the wildcards. */
export type Units = readonly number[];

const ANY = -1;
const ONE = -2;
/** `${name}`, or one of the characters that it takes the meaning from: `${*}`, `${?}`, `${$}`. */
const PLACE = /\$\{([^}]*)\}/g;
/**
 * IAM user guide, "Policy elements: variables and tags", special characters. The IoT guide writes them `$(*)`, which we
 * take for a slip: it refers to that page.
 */
const ESCAPED: readonly string[] = ['*', '?', '$'];

export interface PatternOptions {
  /** Whether `*` and `?` are wildcards. */
  readonly wildcards: boolean;
  /** Whether `${…}` is looked at. */
  readonly variables: boolean;
}

export function parsePattern(text: string, { wildcards, variables }: PatternOptions): Pattern {
  const parts: (number[] | { variable: string })[] = [];
  let units: number[] = [];
  let end = 0;
  const literal = (piece: string): void => {
    for (const unit of codePoints(piece)) units.push(wildcards ? wildcardOr(unit) : unit);
  };
  for (const place of variables ? text.matchAll(PLACE) : []) {
    literal(text.slice(end, place.index));
    end = place.index + place[0].length;
    const name = place[1] ?? '';
    if (ESCAPED.includes(name)) {
      units.push(...codePoints(name));
    } else {
      parts.push(units, { variable: name });
      units = [];
    }
  }
  literal(text.slice(end));
  parts.push(units);
  return parts;
}

/**
 * The pattern with the values of its variables, which are literal: a `*` in a client id is no wildcard. Undefined when one
 * has no value.
 */
export function resolvePattern(
  pattern: Pattern,
  valueFor: (variable: string) => string | undefined,
): Units | undefined {
  const [first] = pattern;
  if (pattern.length === 1 && first && !('variable' in first)) return first;
  const units: number[] = [];
  for (const part of pattern) {
    if ('variable' in part) {
      const value = valueFor(part.variable);
      if (value === undefined) return undefined;
      for (const unit of codePoints(value)) units.push(unit);
    } else {
      for (const unit of part) units.push(unit);
    }
  }
  return units;
}

/** Whether the pattern covers the whole text: from left to right, and back to the last `*` where it does not fit. */
export function matches(pattern: Units, text: Units): boolean {
  let at = 0;
  let position = 0;
  let star = -1;
  let afterStar = 0;
  while (position < text.length) {
    const unit = pattern[at];
    if (unit === ANY) {
      star = at;
      afterStar = position;
      at += 1;
    } else if (unit === ONE || (unit !== undefined && unit === text[position])) {
      at += 1;
      position += 1;
    } else if (star >= 0) {
      at = star + 1;
      afterStar += 1;
      position = afterStar;
    } else {
      return false;
    }
  }
  while (pattern[at] === ANY) at += 1;
  return at === pattern.length;
}

export function codePoints(text: string): number[] {
  const units: number[] = [];
  for (const character of text) units.push(character.codePointAt(0) ?? 0);
  return units;
}

/** Of units without wildcards. */
export function textOf(units: Units): string {
  return units.map((unit) => String.fromCodePoint(unit)).join('');
}

function wildcardOr(unit: number): number {
  if (unit === 0x2a) return ANY;
  return unit === 0x3f ? ONE : unit;
}

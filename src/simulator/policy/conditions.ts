import type { Looked } from './policy-variables.ts';
import {
  codePoints,
  matches,
  type Pattern,
  parsePattern,
  resolvePattern,
  textOf,
  type Units,
} from './wildcard-pattern.ts';

/** One key of one operator of a statement's Condition. */
export interface Condition {
  readonly key: string;
  readonly values: readonly Pattern[];
  readonly comparison: Comparison;
  readonly quantifier: string | undefined;
  readonly ifExists: boolean;
}

interface Comparison {
  readonly negated: boolean;
  readonly wildcards: boolean;
  equal(pattern: Units, value: string): boolean;
}

/**
 * IAM user guide, "Condition operators"; the developer guide of AWS IoT uses Bool, StringEquals, StringNotEquals and
 * ArnEquals, which in IAM is the same as ArnLike.
 */
const COMPARISONS: Readonly<Record<string, Comparison>> = {
  StringEquals: { negated: false, wildcards: false, equal: same },
  StringNotEquals: { negated: true, wildcards: false, equal: same },
  StringEqualsIgnoreCase: { negated: false, wildcards: false, equal: sameIgnoringCase },
  StringNotEqualsIgnoreCase: { negated: true, wildcards: false, equal: sameIgnoringCase },
  StringLike: { negated: false, wildcards: true, equal: same },
  StringNotLike: { negated: true, wildcards: true, equal: same },
  ArnEquals: { negated: false, wildcards: true, equal: sameArn },
  ArnNotEquals: { negated: true, wildcards: true, equal: sameArn },
  ArnLike: { negated: false, wildcards: true, equal: sameArn },
  ArnNotLike: { negated: true, wildcards: true, equal: sameArn },
  Bool: { negated: false, wildcards: false, equal: sameIgnoringCase },
};
const OPERATOR = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/;
const COLON = 0x3a;

/** Of `{ operator: { key: value or values } }`; undefined stands for what is not understood. */
export function parseConditions(block: object, variables: boolean): (Condition | undefined)[] {
  return Object.entries(block).flatMap(([operator, keys]: [string, unknown]) => {
    const [, quantifier, name = '', ifExists] = OPERATOR.exec(operator) ?? [];
    const comparison = Object.hasOwn(COMPARISONS, name) ? COMPARISONS[name] : undefined;
    if (!comparison || typeof keys !== 'object' || keys === null || Array.isArray(keys)) return [undefined];
    return Object.entries(keys).map(([key, given]: [string, unknown]) => {
      const texts = (Array.isArray(given) ? given : [given]).map(textOfScalar);
      if (!texts.every((text) => text !== undefined)) return undefined;
      const values = texts.map((text) => parsePattern(text, { wildcards: comparison.wildcards, variables }));
      return { key, values, comparison, quantifier, ifExists: ifExists !== undefined };
    });
  });
}

/**
 * Whether the condition is met. Unsure is what to say when it cannot be known: false in an Allow, true in a Deny, so that
 * the request fails either way. No source says what AWS does with a key that it does not know; that is our decision.
 */
export function isMet(
  condition: Condition,
  unsure: boolean,
  lookUp: (key: string) => Looked,
  valueFor: (variable: string) => string | undefined,
): boolean {
  const { key, values, comparison, quantifier, ifExists } = condition;
  const { negated, equal } = comparison;
  const found = lookUp(key);
  if (found === 'unknown') return unsure;
  // IAM user guide, "Condition operators" and "Multivalued context keys": without the key a comparison fails, a negated one
  // holds; ForAllValues holds, ForAnyValue fails.
  if (found === 'absent') return ifExists || quantifier === 'ForAllValues' || (negated && quantifier === undefined);
  const patterns = values.map((value) => resolvePattern(value, valueFor));
  // A variable without value: "no substitution is made and authorization fails" (X.509 certificate policy variables). It
  // equals nothing; but that must not fulfil a comparison for inequality in an Allow.
  if (negated && patterns.includes(undefined)) return unsure;
  const equalsOne = (value: string): boolean => patterns.some((pattern) => pattern && equal(pattern, value));
  if (quantifier === 'ForAnyValue') return found.some((value) => equalsOne(value) !== negated);
  if (quantifier === 'ForAllValues') return found.every((value) => equalsOne(value) !== negated);
  return found.some(equalsOne) !== negated;
}

function same(pattern: Units, value: string): boolean {
  return matches(pattern, codePoints(value));
}

function sameIgnoringCase(pattern: Units, value: string): boolean {
  return textOf(pattern).toLowerCase() === value.toLowerCase();
}

/** "Each of the six colon-delimited components of the ARN is checked separately" (IAM user guide, ARN operators). */
function sameArn(pattern: Units, value: string): boolean {
  const patterns = arnComponents(pattern);
  const components = arnComponents(codePoints(value));
  if (patterns.length !== components.length) return false;
  return patterns.every((component, index) => matches(component, components[index] ?? []));
}

function arnComponents(units: Units): Units[] {
  const components: Units[] = [];
  let rest = units;
  while (components.length < 5) {
    const end = rest.indexOf(COLON);
    if (end < 0) break;
    components.push(rest.slice(0, end));
    rest = rest.slice(end + 1);
  }
  return [...components, rest];
}

/** `"true"` may be written `true` (IAM user guide, Boolean operators). */
function textOfScalar(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' || typeof value === 'number' ? String(value) : undefined;
}

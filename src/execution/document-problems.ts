import type * as v from 'valibot';
import { pathText, shown } from '../system/problem-text.ts';
import { entrySchema, expectationOf, itemSchema, messageOf, resolved } from './schema-tree.ts';

/** Something wrong with a document, or worth a warning. */
export interface Problem {
  /** Where: `steps[2].action.input.handler`; `document` is the whole. Empty when the message says it. */
  readonly path: string;
  /** `expected a non-empty string, got 42` */
  readonly message: string;
}

/** `steps[2].action.input.handler: expected a non-empty string, got 42` */
export function problemText({ path, message }: Problem): string {
  return path === '' ? message : `${path}: ${message}`;
}

/** Characters of a status detail (service model, DetailsValue). */
const LONGEST_REASON = 1024;

/** What the cloud gets to read: as many whole texts as it takes, and how many more there are. */
export function reasonOf(texts: readonly string[]): string {
  const all = texts.join('; ');
  if (all.length <= LONGEST_REASON) return all;
  let reason = texts[0] ?? '';
  for (const [index, text] of texts.entries()) {
    if (index === 0) continue;
    const longer = `${reason}; ${text}`;
    if (longer.length + more(texts.length - index - 1).length > LONGEST_REASON)
      return reason + more(texts.length - index);
    reason = longer;
  }
  return reason;
}

function more(count: number): string {
  return count === 0 ? '' : `; and ${count} more`;
}

/** The path of the document itself. */
export const WHOLE = 'document';

export function documentPath(keys: readonly unknown[]): string {
  return pathText(keys) || WHOLE;
}

/**
 * Valibot's issues in our words, each text once. `schema` is what they come from.
 *
 * @param wrong paths of what is wrong as a whole: what stands below one is nobody's to mend.
 */
export function problemsOf(
  issues: readonly v.BaseIssue<unknown>[],
  schema: v.GenericSchema,
  wrong: ReadonlySet<string>,
): Problem[] {
  const found = new Map<string, Problem>();
  for (const placed of issues.flatMap((one) => specific(one, []))) {
    const keys = placed.path.map(({ key }) => key);
    if (wrong.size > 0 && keys.some((_, index) => wrong.has(documentPath(keys.slice(0, index))))) continue;
    const problem = problemOf(placed, schema);
    found.set(problemText(problem), problem);
  }
  return [...found.values()];
}

interface PlacedIssue {
  readonly issue: v.BaseIssue<unknown>;
  readonly path: readonly v.IssuePathItem[];
}

/**
 * Of a union's issue, what its options say where one of them took the value's type: `args[1]: expected a string` and
 * not `args: expected an array of strings`, whose array is not what is wrong.
 */
function specific(issue: v.BaseIssue<unknown>, above: readonly v.IssuePathItem[]): PlacedIssue[] {
  const path = [...above, ...(issue.path ?? [])];
  const inner = (issue.issues ?? []).filter(({ kind, path: below }) => below !== undefined || kind !== 'schema');
  return inner.length === 0 ? [{ issue, path }] : inner.flatMap((one) => specific(one, path));
}

function problemOf({ issue, path }: PlacedIssue, schema: v.GenericSchema): Problem {
  const keys = path.map(({ key }) => key);
  const expected = isMissingKey(issue, path) ? (expectedAt(schema, path) ?? 'expected a value') : messageOf(issue);
  // A check may say it all in a phrase of its own.
  const got = expected.startsWith('expected') ? `, got ${shown(issue.input, lastName(keys))}` : '';
  return { path: documentPath(keys), message: expected + got };
}

/** Valibot says of a missing key only that the object lacks it. */
function isMissingKey(issue: v.BaseIssue<unknown>, path: readonly v.IssuePathItem[]): boolean {
  const last = path.at(-1);
  return last?.origin === 'key' && issue.kind === 'schema' && issue.input === undefined;
}

function expectedAt(root: v.GenericSchema, path: readonly v.IssuePathItem[]): string | undefined {
  let schema: v.GenericSchema | undefined = root;
  for (const { input, key } of path) {
    const container: v.GenericSchema = resolved(schema, input);
    schema = typeof key === 'string' ? entrySchema(container, key) : itemSchema(container);
    if (!schema) return undefined;
  }
  return expectationOf(schema);
}

function lastName(keys: readonly unknown[]): string {
  const name = keys.findLast((key) => typeof key === 'string');
  return typeof name === 'string' ? name : '';
}

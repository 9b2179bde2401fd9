import * as v from 'valibot';
import { type AwsAction, commandWords, unsupportedFields } from './aws-document.ts';

export type ParsedDocument =
  | { readonly kind: 'steps'; readonly steps: readonly AwsAction[] }
  | { readonly kind: 'rejected'; readonly reason: string };

const MISSING = 'missing';

/** Valibot words a missing key as an issue of the object that lacks it, with the key in the path. */
function anObject(issue: v.ObjectIssue): string {
  return issue.expected === 'Object' ? 'expected an object' : MISSING;
}

const text = v.pipe(v.string('expected a non-empty string'), v.nonEmpty('expected a non-empty string'));

const HandlerAction = v.object(
  {
    name: text,
    type: v.literal('runHandler'),
    input: v.object(
      {
        handler: text,
        args: v.optional(v.array(v.string('expected a string'), 'expected an array of strings'), []),
        path: v.optional(v.string('expected a string')),
      },
      anObject,
    ),
  },
  anObject,
);

const CommandAction = v.object(
  {
    name: text,
    type: v.literal('runCommand'),
    input: v.object(
      {
        command: v.pipe(
          text,
          v.check((command) => commandWords(command).length > 0, 'expected at least one word'),
          v.check((command) => !/\s/.test(commandWords(command)[0] ?? ''), 'expected a first word without white space'),
        ),
      },
      anObject,
    ),
  },
  anObject,
);

// `never` is not reached: its type has already been refused.
const UnknownAction = v.pipe(
  v.object({ name: text, type: v.custom<unknown>(() => false, 'expected "runHandler" or "runCommand"') }, anObject),
  v.never(),
);

// Chosen by type, not tried in turn: each problem is then told once, and all of them.
const Action = v.lazy((action) => {
  const type: unknown = typeof action === 'object' && action !== null && 'type' in action ? action.type : undefined;
  if (type === 'runHandler') return HandlerAction;
  return type === 'runCommand' ? CommandAction : UnknownAction;
});

const DocumentSchema = v.object(
  {
    version: v.literal('1.0', 'expected "1.0"'),
    steps: v.pipe(
      v.array(v.object({ action: Action }, anObject), 'expected an array of steps'),
      v.nonEmpty('expected at least one step'),
    ),
  },
  anObject,
);

/** Parses AWS's job document schema 1.0: its steps, or everything that is wrong and everything not supported yet. */
export function parseAwsDocument(document: unknown): ParsedDocument {
  const unsupported = unsupportedFields(document);
  const isLegacy = unsupported.some((field) => field.startsWith('operation'));
  const parsed = v.safeParse(DocumentSchema, document);
  const problems = parsed.success || isLegacy ? [] : parsed.issues.map(problem);
  if (unsupported.length > 0) problems.push(`not supported yet: ${unsupported.join(', ')}`);
  if (!parsed.success || problems.length > 0) return { kind: 'rejected', reason: problems.join('; ') };
  return { kind: 'steps', steps: parsed.output.steps.map(({ action }) => toAction(action)) };
}

function toAction(action: v.InferOutput<typeof HandlerAction> | v.InferOutput<typeof CommandAction>): AwsAction {
  if (action.type === 'runCommand') {
    return { type: 'runCommand', name: action.name, words: commandWords(action.input.command) };
  }
  return { type: 'runHandler', name: action.name, ...action.input };
}

function problem(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? [])
    .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
  const where = path === '' ? 'document' : path;
  return issue.message === MISSING ? `${where}: missing` : `${where}: ${issue.message}, got ${shown(issue.input)}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const json = JSON.stringify(value) ?? typeof value;
  return json.length > 80 ? `${json.slice(0, 80)}…` : json;
}

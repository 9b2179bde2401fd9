import * as v from 'valibot';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import {
  absolutePath,
  alternatives,
  args,
  command,
  environment,
  flag,
  handlerName,
  handlerPath,
  oneOf,
  text,
  userName,
  whole,
} from './document-fields.ts';
import type { DocumentStep } from './job-document.ts';

/** A step whose place in the document, and what the document says for all steps, are not yet known. */
export type Action = Omit<DocumentStep, 'path' | 'includeStdOut'> & { readonly includeStdOut?: boolean | undefined };
export type ActionSchema = v.GenericSchema<unknown, Action>;

export const OBJECT = 'expected an object';

/** The longest that an execution may take on the service's side is seven days (service model, TimeoutConfig). */
export const LONGEST_SECONDS = 604_800;

/** The keys that every action may have. Those from `timeoutSeconds` on are ours. */
function commonEntries() {
  return {
    name: text('What the step is called in logs and status details.'),
    runAsUser: v.optional(userName('The user to run as; absent: the agent’s own.')),
    allowStdErr: v.optional(allowStdErr()),
    ignoreStepFailure: v.optional(flag('A failure of this step counts as a success.'), false),
    includeStdOut: v.optional(flag('The end of stdout goes into the status details; absent: as the document says.')),
    timeoutSeconds: v.optional(
      whole(
        'Seconds that one attempt may take; absent: as the device has it (jobs.stepTimeoutSeconds).',
        1,
        LONGEST_SECONDS,
      ),
    ),
    retry: v.optional(retry()),
    environment: v.optional(environment('Environment variables beside those that every step gets.'), {}),
    workingDirectory: v.optional(absolutePath('Where the step’s programs start.')),
    onInterrupted: v.optional(
      oneOf('What an end of the agent, or of its power, amid this step means.', ['retry', 'fail', 'skip']),
      'retry',
    ),
    pointOfNoReturn: v.optional(
      flag('Once this step has started, a cancellation ends nothing: the document runs to its end.'),
      false,
    ),
  };
}

export function allowStdErr() {
  return whole('More lines than this on stderr fail the step; absent: no limit.', 0, 2_147_483_647);
}

function retry() {
  const entries = {
    attempts: whole('How often more the step is tried after a failure.', 1, 100),
    delaySeconds: v.optional(whole('Seconds before each.', 0, 86_400), 0),
  };
  return v.pipe(v.object(entries, OBJECT), v.description('Tries the step again when it fails.'));
}

/** What a handler is given, in an action's `input` as in the form without a version. */
export function handlerEntries() {
  return {
    args: v.optional(args('Its arguments, after the user.'), []),
    path: v.optional(handlerPath('Its directory, or "default" for the handler directory; absent: there, then PATH.')),
  };
}

export const HANDLER = 'The handler’s file name, or its absolute path.';

export const NO_PATH_BESIDE = 'has no meaning beside the absolute path of a handler: leave it out';

/** Whether `path` has something to say, which it has not beside a handler's absolute path. */
export function isPathOf(handler: string, path: string | undefined): boolean {
  return !handler.startsWith('/') || path === undefined || path === 'default';
}

/** Every action that this device takes, by its `type`. */
export function actionSchemas(builtIns: readonly BuiltIn[]): ReadonlyMap<string, ActionSchema> {
  return new Map<string, ActionSchema>([
    ...builtIns.map((builtIn): [string, ActionSchema] => [builtIn.action, builtInAction(builtIn)]),
    ['runHandler', handlerAction()],
    ['runCommand', commandAction()],
  ]);
}

function handlerAction() {
  const input = v.pipe(
    v.object({ handler: handlerName(HANDLER), ...handlerEntries() }, OBJECT),
    v.forward(
      v.partialCheck([['handler'], ['path']], ({ handler, path }) => isPathOf(handler, path), NO_PATH_BESIDE),
      ['path'],
    ),
  );
  return v.pipe(
    v.object({ ...commonEntries(), type: v.literal('runHandler'), input }, OBJECT),
    v.transform(({ type, input: { handler, args: words, path }, ...common }) => ({
      ...common,
      work: { type, handler, args: words, path },
    })),
  );
}

function commandAction() {
  const input = v.object({ command: command('The words of the command; no shell reads them.') }, OBJECT);
  return v.pipe(
    v.object({ ...commonEntries(), type: v.literal('runCommand'), input }, OBJECT),
    v.transform(({ type, input: { command: words }, ...common }) => ({ ...common, work: { type, words } })),
  );
}

/** Without an `input`, a built-in is given an empty one. */
function builtInAction(builtIn: BuiltIn) {
  const input = v.optional(builtIn.input, {});
  return v.pipe(
    v.object({ ...commonEntries(), type: v.literal(builtIn.action), input }, OBJECT),
    v.transform(({ type: _, input: parsed, ...common }) => ({
      ...common,
      work: { type: 'builtIn' as const, builtIn, input: parsed },
    })),
  );
}

/** Chosen by its type, not tried in turn: each problem is then told once, and all of them are. */
export function actionByType(actions: ReadonlyMap<string, ActionSchema>): ActionSchema {
  const unknown = unknownAction([...actions.keys()].sort());
  return v.lazy((action) => {
    const type: unknown = typeof action === 'object' && action !== null && 'type' in action ? action.type : undefined;
    return (typeof type === 'string' ? actions.get(type) : undefined) ?? unknown;
  });
}

/** What is said of an action whose type is none of them: that, and what else is wrong with it. `never` is not reached. */
function unknownAction(types: readonly string[]): ActionSchema {
  const expected = `expected ${alternatives(types)}`;
  const entries = {
    ...commonEntries(),
    type: v.custom<never>(() => false, expected),
    input: v.optional(v.unknown()),
  };
  return v.pipe(v.object(entries, OBJECT), v.never());
}

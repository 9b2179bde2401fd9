import * as v from 'valibot';
import { errorMessage } from '../../errors.ts';
import type { Acceptance, JobContext, JobHandler } from '../contract.ts';
import type { StepResult } from '../step.ts';
import { validateDocument } from './schema.ts';
import { toDetails, toMessage } from './values.ts';

/** The name of the built-in handler of AWS's document schema, which no plug-in may take. */
export const BUILT_IN_HANDLER = 'aws-document';

/** ArkType's schemas are functions. */
const StandardSchemaSchema = v.custom<JobHandler['schema']>((schema) => {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false;
  const standard: unknown = '~standard' in schema ? schema['~standard'] : undefined;
  if (typeof standard !== 'object' || standard === null || !('validate' in standard)) return false;
  return typeof standard.validate === 'function';
}, 'schema: expected a Standard Schema (an object of Valibot, Zod, ArkType and others)');

const HandlerSchema = v.object(
  {
    name: v.pipe(v.string('name: expected a string'), v.nonEmpty('name: expected a non-empty string')),
    accepts: v.optional(v.function('accepts: expected a function')),
    schema: v.optional(StandardSchemaSchema),
    run: v.function('run: expected a function'),
  },
  (issue) => `expected { name, accepts(document), run(context) }, missing ${issue.path?.[0]?.key ?? 'all of it'}`,
);

/** What keeps the default export of a module from being a plug-in; undefined when nothing does. */
export function handlerProblem(exported: unknown): string | undefined {
  if (exported === undefined) return 'it has no default export';
  const parsed = v.safeParse(HandlerSchema, exported);
  if (!parsed.success) return `its default export: ${parsed.issues.map(({ message }) => message).join('; ')}`;
  const { accepts, schema } = parsed.output;
  if (accepts === undefined && schema === undefined) {
    return 'its default export: expected { name, accepts(document), run(context) }, missing accepts (or a schema)';
  }
  return undefined;
}

/** The object itself is kept, not a parsed copy: a class instance keeps its `this`. */
export function isJobHandler(exported: unknown): exported is JobHandler {
  return handlerProblem(exported) === undefined;
}

/** Only a plain yes accepts. Never rejects: a plug-in that throws has declined, and `why` tells. */
export async function askHandler(handler: JobHandler, document: unknown): Promise<Acceptance> {
  const { schema } = handler;
  let asked = 'accepts()';
  try {
    if (handler.accepts !== undefined) {
      const answer: unknown = await handler.accepts(document);
      if (answer === false) return { kind: 'declined' };
      if (answer !== true) return { kind: 'declined', why: `accepts() gave ${shown(answer)}, not true or false` };
    }
    if (schema === undefined) return { kind: 'accepted' };
    asked = 'its schema';
    const validated = await validateDocument(schema, document);
    if (validated.kind === 'valid') return { kind: 'accepted' };
    if (handler.accepts !== undefined) return validated;
    return { kind: 'declined', why: validated.problems.join('; ') };
  } catch (error) {
    return { kind: 'declined', why: `${asked} threw: ${thrown(error)}` };
  }
}

/** The work itself. Never rejects: a throw is FAILED, or an interruption when the signal asked for it. */
export async function performHandler(handler: JobHandler, context: JobContext): Promise<StepResult> {
  try {
    let { job } = context;
    if (handler.schema !== undefined) {
      const validated = await validateDocument(handler.schema, job.document);
      if (validated.kind === 'invalid') {
        return failed(`the document is not what it takes: ${validated.problems.join('; ')}`);
      }
      job = { ...job, document: validated.document };
    }
    return toStepResult(await handler.run({ ...context, job }));
  } catch (error) {
    if (isAbort(error, context.signal)) return { outcome: 'interrupted' };
    return failed(thrown(error));
  }
}

export function toStepResult(returned: unknown): StepResult {
  if (returned === undefined) return { outcome: 'succeeded', details: {} };
  if (typeof returned !== 'object' || returned === null) {
    return failed(
      `it returned an invalid result: expected nothing or { status, statusDetails }, got ${shown(returned)}`,
    );
  }
  const {
    status,
    statusDetails = {},
    reason,
  }: { status?: unknown; statusDetails?: unknown; reason?: unknown } = returned;
  if (status === 'REBOOT') return { outcome: 'reboot' };
  if (status === 'LATER') {
    return { outcome: 'deferred', reason: typeof reason === 'string' && reason !== '' ? toMessage(reason) : 'not now' };
  }
  if (status !== 'SUCCEEDED' && status !== 'FAILED') {
    return failed(
      `it returned an invalid result: status: expected SUCCEEDED, FAILED, LATER or REBOOT, got ${shown(status)}`,
    );
  }
  const details = toDetails(statusDetails);
  if (details === undefined) {
    return failed('it returned an invalid result: statusDetails: expected an object of texts, numbers and booleans');
  }
  if (status === 'SUCCEEDED') return { outcome: 'succeeded', details };
  return { outcome: 'failed', reason: details['reason'] ?? 'it reported FAILED', details };
}

function failed(reason: string): StepResult {
  return { outcome: 'failed', reason, details: {} };
}

/** What a handler throws that heeds its signal. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

/** What was thrown, as a reason. */
export function thrown(error: unknown): string {
  try {
    return toMessage(errorMessage(error)) || 'it threw an error without a message';
  } catch {
    // An object without a prototype, or with a `message` of its own making.
    return 'it threw something that cannot be shown';
  }
}

function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  try {
    const json = JSON.stringify(value) ?? String(value);
    return json.length > 80 ? `${json.slice(0, 80)}…` : json;
  } catch {
    return Object.prototype.toString.call(value);
  }
}

import * as v from 'valibot';
import { ServiceError } from '../service-error.ts';
import type { Call, Handler } from './call.ts';

/** What an operation takes beside its path and headers, as service model `iot` has it. */
export interface Accepts<B extends v.ObjectEntries> {
  /** Names of query parameters; their values are the handler's to read. */
  readonly query?: readonly string[];
  readonly body?: B;
  /** Fields of the model, body or query, that would have no effect here: refused by name, so that nobody relies on them. */
  readonly notSimulated?: readonly string[];
}

/** A handler that hears only of requests whose fields are known and of the right shape. */
export function operation<B extends v.ObjectEntries = Record<never, never>>(
  accepts: Accepts<B>,
  handle: (call: Call, body: v.InferOutput<v.StrictObjectSchema<B, undefined>>) => unknown,
): Handler {
  const { query = [], body, notSimulated = [] } = accepts;
  const schema = v.strictObject(body ?? ({} as B));
  return (call) => {
    const given = withoutNulls(call.body);
    for (const name of Object.keys(given)) check(name, Object.hasOwn(schema.entries, name), notSimulated);
    checkQuery(call, query, notSimulated);
    return handle(call, parse(schema, given));
  };
}

/** Refuses what is asked for in the query and would be ignored. */
export function checkQuery(call: Call, known: readonly string[], notSimulated: readonly string[] = []): void {
  for (const name of Object.keys(call.query)) {
    // A presigned request carries its signature in the query.
    if (!/^x-amz-/i.test(name)) check(name, known.includes(name), notSimulated);
  }
}

function check(name: string, known: boolean, notSimulated: readonly string[]): void {
  if (known) return;
  throw invalid(notSimulated.includes(name) ? `${name} is not simulated` : `${name}: unknown field`);
}

function parse<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw invalid(`${v.getDotPath(issue) ?? 'body'}: ${issue.message}`);
}

/** In rest-json a member that is null is absent. */
function withoutNulls(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const present = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(present.map(([name, entry]) => [name, isObject(entry) ? withoutNulls(entry) : entry]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(why: string): ServiceError {
  return new ServiceError('InvalidRequestException', why);
}

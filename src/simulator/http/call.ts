import { wholeNumberIn } from '../page.ts';
import { ServiceError } from '../service-error.ts';

/** One HTTP request as an operation sees it: decoded, not yet trusted. */
export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** `{}` when the request had no body. */
  readonly body: Readonly<Record<string, unknown>>;
  /** A request header by its lower-case name. */
  header(name: string): string | undefined;
}

/** Answers one operation; undefined is an empty answer. Refuses with a ServiceError. */
export type Handler = (call: Call) => unknown;

/** Handlers by operation name. */
export type Handlers = Readonly<Record<string, Handler>>;

/** A path parameter; the router has seen to it that it is there. */
export function param(call: Call, name: string): string {
  const value = call.params[name];
  if (value === undefined) throw new Error(`the path has no {${name}}`);
  return value;
}

/** A required string of the body, header or query. */
export function required(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ServiceError(
    'InvalidRequestException',
    `${name}: expected a non-empty string, got ${JSON.stringify(value)}`,
  );
}

/** A boolean of the query string, absent: false. */
export function flag(call: Call, name: string, absent = false): boolean {
  const value = call.query[name];
  if (value === undefined) return absent;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ServiceError('InvalidRequestException', `${name}: expected true or false, got ${JSON.stringify(value)}`);
}

/** A whole number of the query string. */
export function wholeNumber(call: Call, name: string): number | undefined {
  return wholeNumberIn(call.query, name);
}

/** The query parameters of a paginated list, in most operations. */
export const PAGE: readonly string[] = ['maxResults', 'nextToken'];

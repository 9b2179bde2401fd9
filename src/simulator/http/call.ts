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
  const value = call.query[name];
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
  throw new ServiceError('InvalidRequestException', `${name}: expected a whole number, got ${JSON.stringify(value)}`);
}

/** One page of a list, with the token of the next (`maxResults` and `nextToken` of the query). */
export function page<T>(call: Call, items: readonly T[], sizeName = 'maxResults', tokenName = 'nextToken') {
  const start = wholeNumber(call, tokenName) ?? 0;
  const size = wholeNumber(call, sizeName) ?? 250;
  if (size < 1 || size > 250) {
    throw new ServiceError('InvalidRequestException', `${sizeName}: expected 1 to 250, got ${size}`);
  }
  const end = start + size;
  return { items: items.slice(start, end), ...(end < items.length && { nextToken: String(end) }) };
}

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

/** The query parameters of a paginated list, in most operations. */
export const PAGE: readonly string[] = ['maxResults', 'nextToken'];

/** Where a list's pages differ from `maxResults` and `nextToken`. */
export interface PageOptions {
  readonly sizeName?: string;
  readonly tokenName?: string;
  /** Absent: 250. */
  readonly absentSize?: number;
  readonly descending?: boolean;
}

/**
 * One page of a list in the order of its keys, with the token of the next. The token is the last key of the page, so that
 * what is deleted between two pages costs no other entry. (AWS does not say what its tokens are, nor its orders.)
 */
export function page<T>(call: Call, items: readonly T[], keyOf: (item: T) => string, options: PageOptions = {}) {
  const { sizeName = 'maxResults', tokenName = 'nextToken', absentSize = 250, descending = false } = options;
  const size = wholeNumber(call, sizeName) ?? absentSize;
  if (size < 1 || size > 250) {
    throw new ServiceError('InvalidRequestException', `${sizeName}: expected 1 to 250, got ${size}`);
  }
  const last = lastKey(call, tokenName);
  const order = descending ? -1 : 1;
  const compare = (left: string, right: string): number => (left < right ? -order : left > right ? order : 0);
  const rest = items
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => last === undefined || compare(last, key) < 0)
    .sort((left, right) => compare(left.key, right.key));
  const shown = rest.slice(0, size);
  const end = shown.at(-1);
  return {
    items: shown.map(({ item }) => item),
    ...(end && rest.length > size && { nextToken: Buffer.from(end.key).toString('base64') }),
  };
}

function lastKey(call: Call, tokenName: string): string | undefined {
  const token = call.query[tokenName];
  if (token === undefined) return undefined;
  const key = Buffer.from(token, 'base64').toString();
  if (token !== '' && Buffer.from(key).toString('base64') === token) return key;
  throw new ServiceError('InvalidRequestException', `${tokenName}: ${JSON.stringify(token)} is none of ours`);
}

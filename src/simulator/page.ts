import { ServiceError } from './service-error.ts';

/** The query string of a request. */
export type Query = Readonly<Record<string, string | undefined>>;

/** Where a list's pages differ from `maxResults` and `nextToken`. */
export interface PageOptions {
  readonly sizeName?: string;
  readonly tokenName?: string;
  /** Absent: 250. */
  readonly absentSize?: number;
  readonly descending?: boolean;
}

/**
 * One page of a list in the order of its keys, with the token of the next; 1–250 entries (service model, MaxResults). The
 * token is the last key of the page, so that what is deleted between two pages costs no other entry. (AWS does not say
 * what its tokens are, nor its orders.)
 * @throws ServiceError InvalidRequestException for a size or a token that is none
 */
export function page<T>(
  query: Query,
  items: readonly T[],
  keyOf: (item: T) => string,
  options: PageOptions = {},
): { readonly items: T[]; readonly nextToken?: string } {
  const { sizeName = 'maxResults', tokenName = 'nextToken', absentSize = 250, descending = false } = options;
  const size = wholeNumberIn(query, sizeName) ?? absentSize;
  if (size < 1 || size > 250) throw invalid(`${sizeName}: expected 1 to 250, got ${size}`);
  const last = lastKey(query, tokenName);
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

/** A key that sorts by number, for a number of at least 0; what has the same number sorts by name. */
export function numberedKey(number: number, name = ''): string {
  return `${number.toFixed(3).padStart(24, '0')} ${name}`;
}

/** @throws ServiceError InvalidRequestException */
export function wholeNumberIn(query: Query, name: string): number | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
  throw invalid(`${name}: expected a whole number, got ${JSON.stringify(value)}`);
}

function lastKey(query: Query, tokenName: string): string | undefined {
  const token = query[tokenName];
  if (token === undefined) return undefined;
  const key = Buffer.from(token, 'base64').toString();
  if (token !== '' && Buffer.from(key).toString('base64') === token) return key;
  throw invalid(`${tokenName}: ${JSON.stringify(token)} is none of ours`);
}

function invalid(message: string): ServiceError {
  return new ServiceError('InvalidRequestException', message);
}

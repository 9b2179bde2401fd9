import { invalid } from './validation.ts';

export interface Query {
  readonly [name: string]: string | undefined;
}

/** One page of a list; the token is the place where the next one begins. 1–250 a page (service model, MaxResults). */
export function page<T>(items: readonly T[], query: Query): { readonly items: T[]; readonly nextToken?: string } {
  const size = query['maxResults'] === undefined ? 100 : Number(query['maxResults']);
  if (!Number.isInteger(size) || size < 1 || size > 250) throw invalid('maxResults must be between 1 and 250');
  const start = query['nextToken'] === undefined ? 0 : Number(query['nextToken']);
  if (!Number.isInteger(start) || start < 0) throw invalid('nextToken is not one of ours');
  const end = start + size;
  return { items: items.slice(start, end), ...(end < items.length ? { nextToken: String(end) } : {}) };
}

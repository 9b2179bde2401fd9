import type { IncomingHttpHeaders } from 'node:http';

/** What tells that a file is still the same, so that a part of it may be continued (RFC 9110, 13.1.5). */
export type Validator = { readonly etag: string } | { readonly lastModified: string };

/** The strongest that an answer offers; undefined when it has none that a range may rest on. */
export function validatorOf(headers: IncomingHttpHeaders): Validator | undefined {
  const { etag } = headers;
  // A weak one (`W/"…"`) may stay the same while bytes change.
  if (etag !== undefined && /^"[^"]*"$/.test(etag)) return { etag };
  const lastModified = headers['last-modified'];
  if (lastModified === undefined) return undefined;
  // RFC 9110, 8.8.2.2: a file that changes twice within a second keeps its date, unless the answer came later than that.
  const age = Date.parse(headers.date ?? '') - Date.parse(lastModified);
  return age >= 1000 ? { lastModified } : undefined;
}

/** The value of If-Range. */
export function ifRange(validator: Validator): string {
  return 'etag' in validator ? validator.etag : validator.lastModified;
}

/** False when the answer shows that it is of another file; a server that says nothing is taken at its word. */
export function stillFits(validator: Validator, headers: IncomingHttpHeaders): boolean {
  if ('etag' in validator) return headers.etag === undefined || headers.etag === validator.etag;
  return headers['last-modified'] === undefined || headers['last-modified'] === validator.lastModified;
}

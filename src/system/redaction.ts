import { errorCode } from '../errors.ts';

const SECRET_KEY = /token|secret|password|passphrase|authorization|private-?_?key(?!-?_?path)/i;
/** Named like a secret and none: it pairs a request with its answer. */
const NOT_SECRET = new Set(['clientToken']);
const SECRET_QUERY = /([?&]X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"']+/gi;
/** `--password=x`, `?token=x`, `DB_SECRET=x`; not `clientToken=x`. */
const SECRET_ASSIGNMENT =
  /((?:(?<!client)token|secret|password|passphrase)[\w-]{0,40}=)("[^"]*"|'[^']*'|[^\s&"',;]+)/gi;
/** `"password": "x"`, as programs print JSON. */
const SECRET_MEMBER = /((?:(?<!client)token|secret|password|passphrase)[\w-]{0,40}"\s?:\s?)"(?:[^"\\]|\\.)*"/gi;
/** RFC 9110 §11.6.2, as curl -v prints it. */
const SECRET_HEADER = /(authorization:\s?(?:basic|bearer)\s)\S+/gi;
const PEM_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const DEPTH = 6;
const GONE = '[redacted]';

/** A copy without secrets: values of keys that name one, presigned query strings, private keys. Errors become plain. */
export function redact(fields: Record<string, unknown>): Record<string, unknown> {
  return redactEntries(fields, 0);
}

function redactEntries(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      SECRET_KEY.test(key) && !NOT_SECRET.has(key) ? GONE : redactValue(value, depth + 1),
    ]),
  );
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH) return '[deep]';
  if (value instanceof Error) return plainError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  return redactEntries(value, depth);
}

/** `err.code` is the key to search for; the stack stays at home unless the error is a defect (it has no code). */
function plainError(error: Error, depth: number): Record<string, unknown> {
  const code = errorCode(error);
  return {
    type: error.name,
    ...(code === undefined ? { stack: redactText(error.stack ?? '') } : { code }),
    message: redactText(error.message),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) }),
  };
}

/** A text without presigned query strings, private keys, and values that are named as secrets. */
export function redactText(text: string): string {
  return text
    .replace(SECRET_QUERY, `$1${GONE}`)
    .replace(PEM_KEY, GONE)
    .replace(SECRET_ASSIGNMENT, `$1${GONE}`)
    .replace(SECRET_MEMBER, `$1"${GONE}"`)
    .replace(SECRET_HEADER, `$1${GONE}`);
}

/** Characters of a line or word that a cut may have left the end of. */
const LONGEST_REST = 4096;
const PEM_KEY_END = /^(?:(?!-----BEGIN )[\s\S])*?-----END [A-Z ]*PRIVATE KEY-----/;

/**
 * The same for the end of a longer text, where the name of a secret may have been cut off and the secret not: the rest
 * of the first line goes, or of the first word where there are no lines.
 */
export function redactTail(text: string, isCut: boolean): string {
  if (!isCut) return redactText(text);
  const start = text.slice(0, LONGEST_REST + 1);
  const rest = start.includes('\n') ? start.indexOf('\n') + 1 : start.search(/\s/);
  return redactText(text.slice(Math.max(0, rest)).replace(PEM_KEY_END, GONE));
}

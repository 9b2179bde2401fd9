import { errorCode } from '../errors.ts';

const SECRET_KEY = /token|secret|password|passphrase|authorization|private-?_?key(?!-?_?path)/i;
/** Named like a secret and none: it pairs a request with its answer. */
const NOT_SECRET = new Set(['clientToken']);
const SECRET_QUERY = /([?&]X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"']+/gi;
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

function redactText(text: string): string {
  return text.replace(SECRET_QUERY, `$1${GONE}`).replace(PEM_KEY, GONE);
}

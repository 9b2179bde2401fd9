import type { StatusDetails } from '../../jobs/model.ts';

/**
 * What a plug-in hands over, made fit to leave its process: plain JSON, and never so much that the agent, which has to
 * hold it, could suffer. Pure.
 */

/** Bytes of JSON that a plug-in may save as its progress: it is written to flash, and read at every start. */
export const MAX_SAVED_BYTES = 64 * 1024;

const MAX_PAIRS = 50;
const MAX_KEY = 128;
/** Characters at either end: what is cut further down keeps the first or the last 1,024. */
const MAX_END = 2_048;
const MAX_MESSAGE = 4_096;
const MAX_FIELDS_BYTES = 8 * 1024;

/** Text values as they are, numbers and booleans as text; undefined when it is no object, or has other values. */
export function toDetails(value: unknown): StatusDetails | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const pairs: [string, string][] = [];
  for (const [key, entry] of Object.entries(value).slice(0, MAX_PAIRS)) {
    if (entry === undefined || entry === null) continue;
    if (!['string', 'number', 'boolean', 'bigint'].includes(typeof entry)) return undefined;
    pairs.push([key.slice(0, MAX_KEY), withoutMiddle(String(entry))]);
  }
  return Object.fromEntries(pairs);
}

/**
 * The value as it comes back from disk.
 * @throws TypeError when it is no JSON value; RangeError when it is too long.
 */
export function toSavedValue(value: unknown): unknown {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw new TypeError(`saveProgress: expected a JSON value: ${cause instanceof Error ? cause.message : cause}`);
  }
  if (json === undefined) throw new TypeError(`saveProgress: expected a JSON value, got ${typeof value}`);
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_SAVED_BYTES) {
    throw new RangeError(`saveProgress: the value is ${bytes} bytes of JSON, more than ${MAX_SAVED_BYTES}`);
  }
  return JSON.parse(json);
}

export interface LogLine {
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** `log.info({ file }, 'written')`; a text alone is a message, and an error among the fields keeps what it says. */
export function toLogLine(first: unknown, second?: unknown): LogLine {
  if (typeof first !== 'object' || first === null) return { fields: {}, message: toMessage(second ?? first) };
  const fields = first instanceof Error ? { err: first } : first;
  return { fields: toPlainFields(fields), message: toMessage(second ?? '') };
}

export function toMessage(value: unknown): string {
  return withoutMiddle(String(value), MAX_MESSAGE);
}

function toPlainFields(fields: object): Record<string, unknown> {
  try {
    const json = JSON.stringify(fields, (_key, value: unknown) => {
      if (value instanceof Error) return { ...value, type: value.name, message: value.message, stack: value.stack };
      return typeof value === 'bigint' ? String(value) : value;
    });
    if (Buffer.byteLength(json) > MAX_FIELDS_BYTES) return { fields: `<${Buffer.byteLength(json)} bytes>` };
    const plain: unknown = JSON.parse(json);
    return typeof plain === 'object' && plain !== null ? { ...plain } : {};
  } catch (error) {
    return { fields: `<cannot be shown: ${error instanceof Error ? error.message : 'no JSON'}>` };
  }
}

function withoutMiddle(text: string, max = 2 * MAX_END): string {
  return text.length <= max ? text : `${text.slice(0, max / 2)}…${text.slice(-max / 2)}`;
}

import type { StatusDetails } from '../../jobs/model.ts';
import { ServiceError } from '../service-error.ts';

/** Field checks of the service models, in the wording of the one message that was captured from the service. */
export function invalid(message: string): ServiceError {
  return new ServiceError('InvalidRequestException', message);
}

export function constraint(field: string, value: unknown, rule: string): ServiceError {
  const shown =
    value === undefined || value === null ? 'null' : `'${typeof value === 'string' ? value : JSON.stringify(value)}'`;
  return invalid(`Value ${shown} at '${field}' failed to satisfy constraint: ${rule}`);
}

/** An object's fields, absent: none. */
export function record(value: unknown, field = 'the request'): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return Object.fromEntries(Object.entries(value));
  throw invalid(`${field} must be a JSON object`);
}

/** The fields of a request of the control plane. One that we do not know would be ignored, so it is refused by name. */
export function known(body: unknown, names: readonly string[]): Record<string, unknown> {
  const fields = record(body);
  const unknown = Object.keys(fields).find((name) => !names.includes(name) && fields[name] !== null);
  if (unknown !== undefined) throw invalid(`${unknown} is not simulated`);
  return fields;
}

/** An optional structure of the control plane. A field that we do not know would be ignored, so it is refused by name. */
export function structure(
  field: string,
  value: unknown,
  known: readonly string[],
): Record<string, unknown> | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = record(value, field);
  const unknown = Object.keys(fields).find((name) => !known.includes(name) && fields[name] !== null);
  if (unknown !== undefined) throw invalid(`${field}.${unknown} is not simulated`);
  return fields;
}

/** A required list. */
export function list(field: string, value: unknown, least: number, most: number): unknown[] {
  if (value === undefined || value === null) throw constraint(field, value, 'Member must not be null');
  if (Array.isArray(value) && value.length >= least && value.length <= most) return value;
  throw constraint(field, value, `Member must be a list of ${least} to ${most}`);
}

/** A required whole number within bounds. */
export function integer(field: string, value: unknown, least: number, most: number): number {
  if (value === undefined || value === null) throw constraint(field, value, 'Member must not be null');
  const number = optionalInteger(field, value);
  if (number !== undefined && number >= least && number <= most) return number;
  throw constraint(field, value, `Member must be between ${least} and ${most}`);
}

/** A required number within bounds, with at most so many digits after the point. */
export function decimal(field: string, value: unknown, least: number, most: number, digits: number): number {
  if (value === undefined || value === null) throw constraint(field, value, 'Member must not be null');
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw constraint(field, value, `Member must be between ${least} and ${most}`);
  }
  if (Number(value.toFixed(digits)) === value) return value;
  throw constraint(field, value, `Member must have at most ${digits} digits after the point`);
}

export function oneOf<T extends string>(field: string, value: unknown, allowed: readonly T[]): T {
  if (value === undefined || value === null) throw constraint(field, value, 'Member must not be null');
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined)
    throw constraint(field, value, `Member must satisfy enum value set: [${allowed.join(', ')}]`);
  return found;
}

/** Numbers may come as numeric text: the embedded SDK sends `"expectedVersion":"1"`. */
export function optionalInteger(field: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw constraint(field, value, 'Member must be a whole number');
  return number;
}

export function optionalBoolean(field: string, value: unknown): boolean | undefined {
  if (value === undefined || value === null || typeof value === 'boolean') return value ?? undefined;
  throw constraint(field, value, 'Member must be true or false');
}

/** 1–10,080 minutes, or -1 to discard the timer, on an update only. */
export function stepTimeout(value: unknown, discardable: boolean): number | undefined {
  const minutes = optionalInteger('stepTimeoutInMinutes', value);
  if (minutes === undefined || (minutes >= 1 && minutes <= 10_080) || (discardable && minutes === -1)) return minutes;
  throw constraint('stepTimeoutInMinutes', value, 'Member must be between 1 and 10080');
}

export function text(field: string, value: unknown, pattern: RegExp): string {
  if (value === undefined || value === null) throw constraint(field, value, 'Member must not be null');
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw constraint(field, value, `Member must satisfy regular expression pattern: ${pattern.source}`);
}

const DETAIL_KEY = /^[a-zA-Z0-9:_-]{1,128}$/;
const DETAIL_VALUE = /^[^\p{C}]{1,1024}$/u;

/** At most 10 pairs; `\p{C}` covers control, format, unassigned and private characters and lone surrogates. */
export function statusDetails(value: unknown): StatusDetails | undefined {
  if (value === undefined || value === null) return undefined;
  const entries = Object.entries(record(value));
  if (entries.length > 10) throw constraint('statusDetails', value, 'Member must have length less than or equal to 10');
  for (const [key, detail] of entries) {
    if (!DETAIL_KEY.test(key)) throw constraint('statusDetails', key, 'Map keys must satisfy [a-zA-Z0-9:_-]{1,128}');
    if (typeof detail !== 'string' || !DETAIL_VALUE.test(detail)) {
      throw constraint(`statusDetails.${key}`, detail, 'Map values must satisfy [^\\p{C}]{1,1024}');
    }
  }
  return Object.fromEntries(entries.map(([key, detail]) => [key, String(detail)]));
}

import type { IncomingHttpHeaders } from 'node:http';
import { stillFits, type Validator, validatorOf } from './validator.ts';

/** The part that is there already, of which an answer is to be the rest; `start` 0: the whole file was asked for. */
export interface Asked {
  readonly start: number;
  readonly validator: Validator | undefined;
  readonly total: number | undefined;
}

export type Reading =
  | {
      readonly kind: 'body';
      /** Where its first byte belongs: 0, or where the part ends. */
      readonly start: number;
      /** Bytes that this answer announces, and that the whole file has; undefined when it does not say. */
      readonly length: number | undefined;
      readonly total: number | undefined;
      readonly validator: Validator | undefined;
    }
  | { readonly kind: 'redirect'; readonly location: string }
  /** The file is another one now, or the server does not keep to ranges: the part is of no use. */
  | { readonly kind: 'useless part'; readonly reason: string; readonly rangesWork: boolean }
  /** Worth another try, after `afterMs` at the earliest. */
  | { readonly kind: 'trouble'; readonly afterMs: number }
  /** Not worth one; `reason` when there is more to say than the status. */
  | { readonly kind: 'refused'; readonly reason?: string };

/** What an answer to a GET means (RFC 9110). Pure. */
export function readAnswer(status: number, headers: IncomingHttpHeaders, asked: Asked, now: number): Reading {
  if (status === 200 || status === 206) return readBody(status, headers, asked);
  if ([301, 302, 303, 307, 308].includes(status) && headers.location !== undefined) {
    return { kind: 'redirect', location: headers.location };
  }
  if (status === 416 && asked.start > 0) {
    const reason = `the server has no bytes after the first ${asked.start}`;
    return { kind: 'useless part', reason, rangesWork: false };
  }
  // 408 Request Timeout, 425 Too Early and 429 Too Many Requests pass, as do faults of the server; but 501 and 505 stay.
  const passes = [408, 425, 429].includes(status) || (status >= 500 && status !== 501 && status !== 505);
  return passes ? { kind: 'trouble', afterMs: retryAfterMs(headers, now) } : { kind: 'refused' };
}

function readBody(status: number, headers: IncomingHttpHeaders, asked: Asked): Reading {
  // Content-Encoding does not matter: a store such as S3 sends what an object was stored with, whatever it is asked for,
  // and the bytes that it holds are the file (RFC 9110, 8.4: range and validator are of them too).
  const transfer = headers['transfer-encoding'] ?? 'chunked';
  if (transfer !== 'chunked') {
    return { kind: 'refused', reason: `the server sent Transfer-Encoding ${transfer}, although it was asked not to` };
  }
  const length = wholeNumber(headers['content-length']);
  if (status === 200) return { kind: 'body', start: 0, length, total: length, validator: validatorOf(headers) };
  return readRange(headers, length, asked);
}

/** A 206 is trusted only as far as it says that it is what was asked for. */
function readRange(headers: IncomingHttpHeaders, length: number | undefined, asked: Asked): Reading {
  const { start, validator } = asked;
  if (start === 0 || validator === undefined) {
    return { kind: 'useless part', reason: 'the server sent a range that was not asked for', rangesWork: false };
  }
  const given = headers['content-range'] ?? '';
  const [, first, last, size] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(given) ?? [];
  const announced = Number(last) - Number(first) + 1;
  if (Number(first) !== start || announced < 1 || (length !== undefined && length !== announced)) {
    const reason = `the server sent the range ${JSON.stringify(given.slice(0, 60))} for bytes from ${start}`;
    return { kind: 'useless part', reason, rangesWork: false };
  }
  const total = wholeNumber(size) ?? asked.total;
  // `*`: nothing would tell the end of the file from the end of a short range.
  if (total === undefined) {
    return { kind: 'useless part', reason: 'the server does not tell the size of the file', rangesWork: false };
  }
  if (!stillFits(validator, headers) || total !== (asked.total ?? total)) {
    return { kind: 'useless part', reason: 'the file has changed on the server', rangesWork: true };
  }
  return { kind: 'body', start, length: announced, total, validator };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** RFC 9110, 10.2.3: seconds, or a date, which is held against the server's own. 0 when it does not say. */
function retryAfterMs(headers: IncomingHttpHeaders, now: number): number {
  const value = headers['retry-after'] ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const served = Date.parse(headers.date ?? '');
  const wait = Date.parse(value) - (Number.isNaN(served) ? now : served);
  return wait > 0 ? wait : 0;
}

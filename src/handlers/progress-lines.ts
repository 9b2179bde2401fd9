import type { StatusDetails } from '../jobs/model.ts';
import type { Log } from '../system/log.ts';
import { redact } from '../system/redaction.ts';

/** Bytes of one line: status details take ten values of 1,024 characters. */
const LONGEST_LINE = 16_384;
/** Lines that are read of one chunk (at most 64 KiB), the last ones: the newest always counts. */
const LINES_OF_A_CHUNK = 64;
/** Pairs that UpdateJobExecution takes. */
const MAX_PAIRS = 10;
const LINE_END = 0x0a;

/**
 * What a program says on its progress descriptor: lines of `{"percent":40,"message":"…","details":{…}}`, all of it
 * optional. A pair holds until a later line gives it another value, or null. What is wrong, too long or too much is
 * passed over, and the log says so once.
 */
export class ProgressLines {
  readonly #report: (details: StatusDetails) => void;
  readonly #log: Log;
  readonly #details = new Map<string, string>();
  #rest = Buffer.alloc(0);
  /** Within a line that is too long. */
  #skipping = false;
  #warned = false;

  constructor(report: (details: StatusDetails) => void, log: Log) {
    this.#report = report;
    this.#log = log;
  }

  push(chunk: Buffer): void {
    if (!chunk.includes(LINE_END)) {
      this.#keep(chunk);
      return;
    }
    const text = this.#skipping ? chunk.subarray(chunk.indexOf(LINE_END) + 1) : Buffer.concat([this.#rest, chunk]);
    this.#skipping = false;
    this.#rest = Buffer.alloc(0);
    const end = text.lastIndexOf(LINE_END);
    if (end !== -1) this.#take(this.#lastLines(text.subarray(0, end)));
    this.#keep(text.subarray(end + 1));
  }

  /** A last line may lack its end. */
  end(): void {
    this.#take([this.#rest]);
    this.#rest = Buffer.alloc(0);
  }

  #keep(part: Buffer): void {
    if (this.#skipping) return;
    this.#rest = Buffer.concat([this.#rest, part]);
    if (this.#rest.length <= LONGEST_LINE) return;
    this.#warn(`a line is longer than ${LONGEST_LINE} bytes`);
    this.#rest = Buffer.alloc(0);
    this.#skipping = true;
  }

  #lastLines(text: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    for (let end = text.length; lines.length < LINES_OF_A_CHUNK; ) {
      const start = end === 0 ? 0 : text.lastIndexOf(LINE_END, end - 1) + 1;
      lines.unshift(text.subarray(start, end));
      if (start === 0) return lines;
      end = start - 1;
    }
    this.#warn('there are too many lines at once');
    return lines;
  }

  #take(lines: readonly Buffer[]): void {
    let isNews = false;
    for (const line of lines) isNews = this.#read(line) || isNews;
    if (isNews) this.#report(Object.fromEntries(this.#details));
  }

  #read(line: Buffer): boolean {
    if (line.length > LONGEST_LINE) {
      this.#warn(`a line is longer than ${LONGEST_LINE} bytes`);
      return false;
    }
    const text = line.toString('utf8').trim();
    if (text === '') return false;
    const pairs = parseLine(text);
    if (typeof pairs === 'string') {
      this.#warn(`${pairs}: ${text.slice(0, 200)}`);
      return false;
    }
    for (const [key, value] of Object.entries(redact(pairs))) {
      if (value === null) this.#details.delete(key);
      else if (this.#details.has(key) || this.#details.size < MAX_PAIRS) this.#details.set(key, String(value));
      else this.#warn(`there are more than ${MAX_PAIRS} pairs`);
    }
    return Object.keys(pairs).length > 0;
  }

  #warn(problem: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#log.warn(
      { problem },
      'the program wrote progress that cannot be reported; more of it is passed over silently',
    );
  }
}

type Pairs = Readonly<Record<string, string | null>>;

/** The pairs of a line, or what is wrong with it. */
function parseLine(text: string): Pairs | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  if (!isRecord(value)) return 'expected an object';
  const { percent, message, details = {} } = value;
  if (percent !== undefined && !(typeof percent === 'number' && percent >= 0 && percent <= 100)) {
    return 'percent: expected a number from 0 to 100';
  }
  if (message !== undefined && typeof message !== 'string') return 'message: expected a string';
  if (!isRecord(details)) return 'details: expected an object';
  const pairs: Record<string, string | null> = {};
  if (percent !== undefined) pairs['percent'] = String(percent);
  if (message !== undefined) pairs['message'] = message;
  for (const [key, detail] of Object.entries(details)) {
    if (detail === null) pairs[key] = null;
    else if (typeof detail === 'object') return `details.${key}: expected a string, a number or a boolean`;
    else pairs[key] = String(detail);
  }
  return pairs;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

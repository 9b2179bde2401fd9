import { isFilter } from '../mqtt/topic-filter.ts';
import { ServiceError } from '../service-error.ts';
import type { ServiceName } from '../service-name.ts';
import { exceptionOf } from './failure-codes.ts';

export const FAULT_KINDS = [
  'drop',
  'delay',
  'duplicate',
  'reorder',
  'late',
  'wrong',
  'never',
  'cut',
  'refuse',
  'failNext',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** `in`: from a device to the service. */
export type Direction = 'in' | 'out';

/** A fault on order, checked and complete. */
export interface FaultRule {
  readonly kind: FaultKind;
  /** Absent: both. */
  readonly direction?: Direction;
  /** A topic filter; `#` matches every topic. Absent: all topics, or all answers for late, wrong and never. */
  readonly topic?: string;
  /** A client id. Absent: all. */
  readonly client?: string;
  /** How often; 0: until it is removed. */
  readonly times: number;
  /** So many that match pass untouched at first. */
  readonly skip: number;
  /** delay, late: by how long. reorder: how long at most. refuse: for how long; absent: until it is removed. */
  readonly ms?: number;
  /** wrong: JSON to send in the place of the real payload; a string is sent as it is, null is an empty payload. */
  readonly payload?: unknown;
  /** cut: before the message passes, or after. */
  readonly when?: 'before' | 'after';
  /** duplicate: so many more. */
  readonly copies?: number;
  /** failNext: an operation of AWS's service models. */
  readonly operation?: string;
  /** failNext: of this service alone. Absent: of either. */
  readonly service?: ServiceName;
  /** failNext: an exception name, or a code of the Jobs MQTT API. */
  readonly code?: string;
}

/** A fault as it is ordered: what is absent has its default. */
export type FaultOrder = Pick<FaultRule, 'kind'> & Partial<Omit<FaultRule, 'kind'>>;

type Field = Exclude<keyof FaultRule, 'kind'>;

interface Expectation {
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
}

const LONGEST_MS = 24 * 3_600_000;
const MOST_COPIES = 100;

const FIELDS: Readonly<Record<Field, Expectation>> = {
  direction: { expected: '"in" or "out"', fits: (value) => value === 'in' || value === 'out' },
  topic: { expected: 'a topic filter', fits: (value) => typeof value === 'string' && isFilter(value) },
  client: { expected: 'a client id', fits: (value) => typeof value === 'string' && value !== '' },
  times: { expected: 'an integer from 0, which is for ever', fits: (value) => isInteger(value, 0) },
  skip: { expected: 'an integer from 0', fits: (value) => isInteger(value, 0) },
  ms: { expected: `milliseconds from 0 to ${LONGEST_MS}`, fits: (value) => isInteger(value, 0, LONGEST_MS) },
  payload: { expected: 'JSON, a string, or null for nothing', fits: (value) => value !== undefined },
  when: { expected: '"before" or "after"', fits: (value) => value === 'before' || value === 'after' },
  copies: { expected: `an integer from 1 to ${MOST_COPIES}`, fits: (value) => isInteger(value, 1, MOST_COPIES) },
  operation: {
    expected: 'an operation of the service models, such as UpdateJobExecution',
    fits: (value) => typeof value === 'string' && /^[A-Z][A-Za-z]+$/.test(value),
  },
  service: {
    expected: '"iot" (the control plane) or "iot-jobs-data" (devices)',
    fits: (value) => value === 'iot' || value === 'iot-jobs-data',
  },
  code: {
    expected: 'an exception name or a code of the Jobs MQTT API, such as InternalError',
    fits: (value) => typeof value === 'string' && exceptionOf(value) !== undefined,
  },
};

const OF_MESSAGES: readonly Field[] = ['direction', 'topic', 'client', 'times', 'skip'];
const OF_ANSWERS: readonly Field[] = ['topic', 'client', 'times', 'skip'];

/** What each kind knows, besides what it must have. */
const KINDS: Readonly<Record<FaultKind, { readonly must: readonly Field[]; readonly may: readonly Field[] }>> = {
  drop: { must: [], may: OF_MESSAGES },
  delay: { must: ['ms'], may: OF_MESSAGES },
  duplicate: { must: [], may: [...OF_MESSAGES, 'copies'] },
  reorder: { must: [], may: [...OF_MESSAGES, 'ms'] },
  late: { must: ['ms'], may: OF_ANSWERS },
  wrong: { must: ['payload'], may: OF_ANSWERS },
  never: { must: [], may: OF_ANSWERS },
  cut: { must: [], may: [...OF_MESSAGES, 'when'] },
  refuse: { must: [], may: ['client', 'times', 'skip', 'ms'] },
  failNext: { must: ['operation', 'code'], may: ['times', 'skip', 'service'] },
};

const DEFAULTS: Readonly<Record<FaultKind, Partial<FaultRule>>> = {
  drop: {},
  delay: {},
  duplicate: { copies: 1 },
  reorder: { ms: 1_000 },
  late: { direction: 'out' },
  wrong: { direction: 'out' },
  never: { direction: 'out' },
  cut: { when: 'before' },
  // A time is given for as many connections as come in it.
  refuse: { times: 0 },
  failNext: {},
};

/** @throws ServiceError InvalidRequestException naming the field and what it should be */
export function parseFaultRule(given: unknown): FaultRule {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw invalid('a fault', 'an object', given);
  const fields = Object.entries(given).filter(([, value]) => value !== undefined);
  const named = new Map<string, unknown>(fields);
  const kind = FAULT_KINDS.find((known) => known === named.get('kind'));
  if (!kind) throw invalid('kind', `one of ${FAULT_KINDS.join(', ')}`, named.get('kind'));
  const { must, may } = KINDS[kind];
  for (const field of must) {
    if (!named.has(field)) throw invalid(field, `${FIELDS[field].expected} for ${kind}`, undefined);
  }
  const known = [...must, ...may];
  for (const [name, value] of fields) {
    if (name === 'kind') continue;
    const field = known.find((candidate) => candidate === name);
    if (!field) {
      throw new ServiceError('InvalidRequestException', `${name}: ${kind} has no such field, only ${known.join(', ')}`);
    }
    if (!FIELDS[field].fits(value)) throw invalid(field, FIELDS[field].expected, value);
  }
  return { times: 1, skip: 0, ...DEFAULTS[kind], ...Object.fromEntries(fields), kind };
}

function isInteger(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function invalid(field: string, expected: string, got: unknown): ServiceError {
  const said = got === undefined ? 'nothing' : JSON.stringify(got);
  return new ServiceError('InvalidRequestException', `${field}: expected ${expected}, got ${said}`);
}

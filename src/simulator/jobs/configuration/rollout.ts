import { decimal, integer, invalid, structure } from '../validation.ts';

/** How many things are given the job in a minute (API reference, JobExecutionsRolloutConfig). */
export interface RolloutConfig {
  readonly maximumPerMinute?: number;
  readonly exponentialRate?: {
    readonly baseRatePerMinute: number;
    readonly incrementFactor: number;
    readonly rateIncreaseCriteria: {
      readonly numberOfNotifiedThings?: number;
      readonly numberOfSucceededThings?: number;
    };
  };
}

/** Also the highest rate that can be asked for. */
const DEFAULT_RATE = 1000;

export function parseRollout(value: unknown): RolloutConfig | undefined {
  const field = 'jobExecutionsRolloutConfig';
  const fields = structure(field, value, ['maximumPerMinute', 'exponentialRate']);
  if (!fields) return undefined;
  const maximum = fields['maximumPerMinute'] ?? undefined;
  const exponentialRate = parseExponential(`${field}.exponentialRate`, fields['exponentialRate']);
  return {
    ...(maximum === undefined
      ? {}
      : { maximumPerMinute: integer(`${field}.maximumPerMinute`, maximum, 1, DEFAULT_RATE) }),
    ...(exponentialRate ? { exponentialRate } : {}),
  };
}

function parseExponential(field: string, value: unknown): RolloutConfig['exponentialRate'] {
  const fields = structure(field, value, ['baseRatePerMinute', 'incrementFactor', 'rateIncreaseCriteria']);
  if (!fields) return undefined;
  const path = `${field}.rateIncreaseCriteria`;
  const criteria = structure(path, fields['rateIncreaseCriteria'], [
    'numberOfNotifiedThings',
    'numberOfSucceededThings',
  ]);
  const notified = criteria?.['numberOfNotifiedThings'] ?? undefined;
  const succeeded = criteria?.['numberOfSucceededThings'] ?? undefined;
  if ((notified ?? succeeded) === undefined) {
    throw invalid(`${path}: one of numberOfNotifiedThings and numberOfSucceededThings is required`);
  }
  return {
    baseRatePerMinute: integer(`${field}.baseRatePerMinute`, fields['baseRatePerMinute'], 1, 1000),
    incrementFactor: decimal(`${field}.incrementFactor`, fields['incrementFactor'], 1.1, 5, 1),
    rateIncreaseCriteria: {
      ...(notified === undefined ? {} : { numberOfNotifiedThings: count(`${path}.numberOfNotifiedThings`, notified) }),
      ...(succeeded === undefined
        ? {}
        : { numberOfSucceededThings: count(`${path}.numberOfSucceededThings`, succeeded) }),
    },
  };
}

function count(field: string, value: unknown): number {
  return integer(field, value, 1, Number.MAX_SAFE_INTEGER);
}

/**
 * Things per minute. The exponential rate grows by its factor each time that one of its counts is reached once more: with
 * a base of 50, factor 2 and 1,000 things it is 50 up to 1,000 things, 100 up to 2,000 and so on (developer guide, How
 * job configurations work). It never exceeds the maximum.
 */
export function ratePerMinute(config: RolloutConfig | undefined, notified: number, succeeded: number): number {
  const maximum = config?.maximumPerMinute ?? DEFAULT_RATE;
  const exponential = config?.exponentialRate;
  if (!exponential) return maximum;
  const { numberOfNotifiedThings, numberOfSucceededThings } = exponential.rateIncreaseCriteria;
  const increases = Math.max(
    numberOfNotifiedThings === undefined ? 0 : Math.floor(notified / numberOfNotifiedThings),
    numberOfSucceededThings === undefined ? 0 : Math.floor(succeeded / numberOfSucceededThings),
  );
  return Math.min(maximum, Math.floor(exponential.baseRatePerMinute * exponential.incrementFactor ** increases));
}

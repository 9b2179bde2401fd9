import { ServiceError } from '../service-error.ts';
import { seededRandom } from './random-source.ts';

/** How often requests fail, each from 0 (never) to 1 (always). */
export interface Rates {
  readonly internalError: number;
  readonly throttled: number;
  readonly unavailable: number;
}

const NONE: Rates = { internalError: 0, throttled: 0, unavailable: 0 };
const EXCEPTIONS: Readonly<Record<keyof Rates, string>> = {
  internalError: 'InternalFailureException',
  throttled: 'ThrottlingException',
  unavailable: 'ServiceUnavailableException',
};

/** Failures that come by chance, as those of the real service do: one request has one of them at most. */
export class FailureRates {
  readonly #initialRandom: () => number;
  #random: () => number;
  #rates = NONE;

  constructor(random: () => number) {
    this.#initialRandom = random;
    this.#random = random;
  }

  get current(): Rates {
    return this.#rates;
  }

  /**
   * What is not given becomes 0. With a `seed`, an integer, the same requests fail each time.
   * @throws ServiceError InvalidRequestException naming the field; nothing is changed then
   */
  set(given: Readonly<Record<string, unknown>>): void {
    const { seed, ...rates } = given;
    if (seed !== undefined && !Number.isInteger(seed)) throw invalid('seed: expected an integer', seed);
    for (const [name, rate] of Object.entries(rates)) {
      if (!Object.hasOwn(NONE, name)) {
        throw invalid(`${name} is no rate: expected ${Object.keys(NONE).join(', ')} or seed`, rate);
      }
      if (rate !== undefined && !isShare(rate)) throw invalid(`${name}: expected a number from 0 to 1`, rate);
    }
    const next = { ...NONE, ...Object.fromEntries(Object.entries(rates).filter(([, rate]) => rate !== undefined)) };
    const sum = next.internalError + next.throttled + next.unavailable;
    if (sum > 1) throw invalid('the rates together: expected at most 1', sum);
    this.#rates = next;
    this.#random = typeof seed === 'number' ? seededRandom(seed) : this.#initialRandom;
  }

  reset(): void {
    this.set({});
  }

  next(): ServiceError | undefined {
    const { internalError, throttled, unavailable } = this.#rates;
    if (internalError + throttled + unavailable === 0) return undefined;
    let drawn = this.#random();
    for (const name of ['internalError', 'throttled', 'unavailable'] as const) {
      if (drawn < this.#rates[name]) return new ServiceError(EXCEPTIONS[name], 'A failure by the configured rate');
      drawn -= this.#rates[name];
    }
    return undefined;
  }
}

function isShare(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function invalid(what: string, got: unknown): ServiceError {
  return new ServiceError('InvalidRequestException', `${what}, got ${JSON.stringify(got)}`);
}

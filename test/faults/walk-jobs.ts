import fc, { type Arbitrary } from 'fast-check';
import type { WorkDocument, WorkStep } from '../support/world/work.ts';

/** A job as a walk makes it; its edition comes when it is made. */
export interface WalkJob {
  readonly work: Omit<WorkDocument, 'edition'>;
  readonly fields: object;
}

/** There once in so many times. */
const rarely = <T>(arbitrary: Arbitrary<T>, times = 6) =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const step: Arbitrary<Omit<WorkStep, 'name'>> = fc
  .record({
    seconds: fc.constantFrom(0, 0, 2, 30, 500, 600, 7200),
    ends: fc.constantFrom<readonly NonNullable<WorkStep['ends']>[number][]>(
      ...[['succeed' as const], ['succeed' as const], ['succeed' as const]],
      ...[['fail' as const], ['defer' as const, 'succeed' as const]],
      ['reboot' as const],
      ...[
        [...Array.from({ length: 10 }, () => 'defer' as const), 'succeed' as const],
        ['fail' as const, 'succeed' as const],
        ['defer' as const, 'defer' as const, 'defer' as const, 'succeed' as const],
      ],
    ),
    timeoutSeconds: rarely(fc.constantFrom(20, 300, 600, 3600), 2),
    retry: rarely(fc.constantFrom({ attempts: 1, delaySeconds: 0 }, { attempts: 2, delaySeconds: 120 }), 3),
    onInterrupted: fc.constantFrom('retry', 'retry', 'retry', 'fail', 'skip'),
    pointOfNoReturn: rarely(fc.constant(true)),
    ignoreFailure: rarely(fc.constant(true)),
    stubborn: rarely(fc.constant(true)),
    progress: fc.boolean(),
  })
  .map(withoutUndefined);

const named = (steps: readonly Omit<WorkStep, 'name'>[]): WorkStep[] =>
  steps.map((one, index) => ({ name: `s${index + 1}`, ...one }));

const work = fc
  .record({
    steps: fc.array(step, { minLength: 1, maxLength: 3 }).map(named),
    cleanup: rarely(fc.array(step, { minLength: 1, maxLength: 2 }).map(named), 3),
    timeoutSeconds: rarely(fc.constantFrom(60, 3600)),
    unacceptable: rarely(fc.constant(true), 12),
  })
  .map(withoutUndefined);

const fields = fc
  .record({
    timeoutConfig: rarely(
      fc.constantFrom(1, 5, 60, 1000).map((inProgressTimeoutInMinutes) => ({ inProgressTimeoutInMinutes })),
      3,
    ),
    retries: rarely(fc.constantFrom('FAILED', 'ALL'), 3),
  })
  .map(({ timeoutConfig, retries }) => ({
    ...(timeoutConfig ? { timeoutConfig } : {}),
    // A retry of TIMED_OUT needs a time-out.
    ...(retries && (timeoutConfig || retries === 'FAILED')
      ? { jobExecutionsRetryConfig: { criteriaList: [{ failureType: retries, numberOfRetries: 1 }] } }
      : {}),
  }));

export const walkJob: Arbitrary<WalkJob> = fc.record({ work, fields });

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}

/**
 * The same walk each time, so that a failure is one of the code: `FC_SEED` takes another one, `FC_RUNS=10` one that is
 * ten times as long. fast-check prints the seed of what fails, which is not made smaller: one run costs milliseconds,
 * thousands a build.
 */
export function seeded(numRuns: number): { seed: number; numRuns: number; endOnFailure: true } {
  const { FC_SEED, FC_RUNS } = process.env;
  return { seed: Number(FC_SEED ?? 20_261_130), numRuns: numRuns * Number(FC_RUNS ?? 1), endOnFailure: true };
}

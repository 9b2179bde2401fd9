/**
 * The same walk each time, so that a failure is one of the code: `FC_SEED` takes another one, `FC_RUNS=10` one that is
 * ten times as long. fast-check prints the seed of what fails.
 */
export function seeded(numRuns: number): { seed: number; numRuns: number } {
  return { seed: Number(process.env['FC_SEED'] ?? 20_261_130), numRuns: numRuns * Number(process.env['FC_RUNS'] ?? 1) };
}

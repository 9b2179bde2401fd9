import type { StatusDetails } from '../jobs/model.ts';
import type { ProcessEnd } from '../system/child-process.ts';

/** What a program's end means for the step that ran it; `details` are raw, to be cut to the service's limits. */
export type ProgramResult =
  | { readonly outcome: 'succeeded'; readonly details: StatusDetails }
  | { readonly outcome: 'failed'; readonly reason: string; readonly details: StatusDetails }
  | { readonly outcome: 'interrupted' };

/** The truth about an end: only exit code 0 succeeds, and an end by signal is never mistaken for one. */
export function programResult(end: ProcessEnd): ProgramResult {
  const output = end.stderrTail.trim() === '' ? {} : { stderr: end.stderrTail };
  if (end.spawnError !== undefined) return programFailure(end.spawnError.message);
  // A program that ended by itself with 0 has done its work, even if the abort came just before.
  if (end.exitCode === 0) return { outcome: 'succeeded', details: output };
  if (end.interrupted) return { outcome: 'interrupted' };
  if (end.signal !== null) {
    return { outcome: 'failed', reason: `killed by ${end.signal}`, details: { signal: end.signal, ...output } };
  }
  const exitCode = String(end.exitCode);
  return { outcome: 'failed', reason: `exited with code ${exitCode}`, details: { exitCode, ...output } };
}

/** A program that was never started. */
export function programFailure(reason: string): ProgramResult {
  return { outcome: 'failed', reason, details: {} };
}

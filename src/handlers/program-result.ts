import type { StatusDetails } from '../jobs/model.ts';
import type { ProcessEnd } from '../system/child-process.ts';
import type { StepResult } from './step.ts';

/** Not now: as Mender's state scripts say it. */
export const TRY_LATER = 21;
/** The device is to start anew, and then this step again: as the SSM agent's scripts say it. */
export const REBOOT = 194;

export interface ResultOptions {
  readonly includeStdOut: boolean;
  /** `allowStdErr`, when the program wrote more lines to stderr than that. */
  readonly exceededStdErr?: number | undefined;
}

/**
 * The truth about an end: only exit code 0 succeeds, and an end by signal is never mistaken for one. The details are
 * raw, to be cut to the service's limits.
 */
export function programResult(end: ProcessEnd, { includeStdOut, exceededStdErr }: ResultOptions): StepResult {
  if (end.spawnError !== undefined) return programFailure(end.spawnError.message);
  const output: StatusDetails = {
    ...(includeStdOut && end.stdoutTail.trim() !== '' ? { stdout: end.stdoutTail } : {}),
    ...(end.stderrTail.trim() === '' ? {} : { stderr: end.stderrTail }),
  };
  const excess =
    exceededStdErr === undefined
      ? undefined
      : `wrote more than ${exceededStdErr} ${exceededStdErr === 1 ? 'line' : 'lines'} to stderr (allowStdErr)`;
  // A program that ended by itself with 0 has done its work, even if the abort came just before.
  if (end.exitCode === 0) {
    if (excess === undefined) return { outcome: 'succeeded', details: output };
    return { outcome: 'failed', reason: excess, details: { exitCode: '0', ...output } };
  }
  if (end.interrupted) return { outcome: 'interrupted' };
  const also = excess === undefined ? '' : ` and ${excess}`;
  if (end.signal !== null) {
    return { outcome: 'failed', reason: `killed by ${end.signal}${also}`, details: { signal: end.signal, ...output } };
  }
  if (end.exitCode === TRY_LATER)
    return { outcome: 'deferred', reason: `exited with code ${TRY_LATER}: try again later` };
  if (end.exitCode === REBOOT) return { outcome: 'reboot' };
  const exitCode = String(end.exitCode);
  return { outcome: 'failed', reason: `exited with code ${exitCode}${also}`, details: { exitCode, ...output } };
}

/** A program that was never started. */
export function programFailure(reason: string): StepResult {
  return { outcome: 'failed', reason, details: {} };
}

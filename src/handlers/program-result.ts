import type { StatusDetails } from '../jobs/model.ts';
import type { ProcessEnd } from '../system/child-process.ts';
import type { EndingSignal, StepResult } from './step.ts';

/** Not now: as Mender's state scripts say it. */
export const TRY_LATER = 21;
/** The device is to start anew, and then this step again: as the SSM agent's scripts say it. */
export const REBOOT = 194;

export interface ResultOptions {
  readonly includeStdOut: boolean;
  /** `allowStdErr`, when the program wrote more lines to stderr than that. */
  readonly exceededStdErr?: number | undefined;
  /** It is a handler: 21 and 194 are words to us. Other programs have their own meaning for them (curl exits with 21). */
  readonly isHandler: boolean;
}

/**
 * The truth about an end: only exit code 0 succeeds, and an end by signal is never mistaken for one. After our TERM an
 * exit code says nothing: a program that heeds it and exits with 0 has not done its work. The details are raw, to be cut
 * to the service's limits.
 */
export function programResult(end: ProcessEnd, options: ResultOptions): StepResult {
  const { includeStdOut, exceededStdErr, isHandler } = options;
  if (end.spawnError !== undefined) return programFailure(end.spawnError.message);
  if (end.interrupted) return { outcome: 'interrupted' };
  const output: StatusDetails = {
    ...(includeStdOut && end.stdoutTail.trim() !== '' ? { stdout: end.stdoutTail } : {}),
    ...(end.stderrTail.trim() === '' ? {} : { stderr: end.stderrTail }),
  };
  const tooMuch = exceededStdErr === undefined ? undefined : excess(exceededStdErr);
  if (end.exitCode === 0) {
    if (tooMuch === undefined) return { outcome: 'succeeded', details: output };
    return { outcome: 'failed', reason: tooMuch, details: { exitCode: '0', ...output } };
  }
  const also = tooMuch === undefined ? '' : ` and ${tooMuch}`;
  const killed = killedBy(end);
  const by = killed === undefined ? {} : { killedBy: killed };
  if (end.signal !== null) {
    const details = { signal: end.signal, ...output };
    return { outcome: 'failed', reason: `killed by ${end.signal}${also}`, details, ...by };
  }
  if (isHandler && end.exitCode === TRY_LATER) {
    return { outcome: 'deferred', reason: `exited with code ${TRY_LATER}: try again later` };
  }
  if (isHandler && end.exitCode === REBOOT) return { outcome: 'reboot' };
  const exitCode = String(end.exitCode);
  return { outcome: 'failed', reason: `exited with code ${exitCode}${also}`, details: { exitCode, ...output }, ...by };
}

/** More lines on stderr than a step allows. */
export function excess(allowStdErr: number): string {
  return `wrote more than ${allowStdErr} ${allowStdErr === 1 ? 'line' : 'lines'} to stderr (allowStdErr)`;
}

/** As a shell, or runuser(1), tells that what it ran was ended by a signal: 128 and its number. */
const ENDED_BY: ReadonlyMap<number, EndingSignal> = new Map([
  [128 + 15, 'SIGTERM'],
  [128 + 9, 'SIGKILL'],
]);

/** The signal that ended it, where it is one of those that an ending system sends, and was not ours. */
export function killedBy({ interrupted, signal, exitCode }: ProcessEnd): EndingSignal | undefined {
  if (interrupted) return undefined;
  if (signal === 'SIGTERM' || signal === 'SIGKILL') return signal;
  return exitCode === null ? undefined : ENDED_BY.get(exitCode);
}

/** A program that was never started. */
export function programFailure(reason: string): StepResult {
  return { outcome: 'failed', reason, details: {} };
}

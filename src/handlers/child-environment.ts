import type { User } from '../system/users.ts';
import type { StepContext } from './step.ts';

const PASSED_ON = ['HOME', 'LANG', 'TZ', 'USER', 'LOGNAME', 'TMPDIR'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The agent's own PATH, where the programs of jobs are looked up. */
export function searchPath(own: Readonly<Record<string, string | undefined>>): string {
  return own['PATH'] || DEFAULT_PATH;
}

/** What any child of the agent gets of its own environment. */
export function passedOnEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passedOn = Object.entries(own).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (PASSED_ON.includes(entry[0]) || entry[0].startsWith('LC_')),
  );
  return { ...Object.fromEntries(passedOn), PATH: searchPath(own) };
}

export interface ChildEnvironmentOptions {
  /** The step's variables, none of them forbidden. */
  readonly environment: Readonly<Record<string, string>>;
  /** The user that the program is switched to; absent: the agent's own. */
  readonly user?: User | undefined;
  /** The descriptor for progress, where the program has one. */
  readonly progressFd?: number | undefined;
}

/**
 * The whole environment of a job's program: an allow-list, so that a secret in the agent's own environment never
 * reaches one; what the step sets; and the identity of the job, which no step can change. `JOB_STEP` counts from 1.
 */
export function childEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  { job, stepIndex, attempt, scratchDirectory, rebooted }: StepContext,
  { environment, user, progressFd }: ChildEnvironmentOptions,
): Record<string, string> {
  const all: Record<string, string> = {
    ...passedOnEnvironment(own),
    ...(user === undefined ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name }),
  };
  // The agent's own place for temporary files may be closed to others.
  if (user !== undefined) delete all['TMPDIR'];
  Object.assign(all, environment, {
    JOB_ID: job.jobId,
    JOB_EXECUTION_NUMBER: String(job.executionNumber),
    JOB_THING_NAME: job.thingName,
    JOB_STEP: String(stepIndex + 1),
    JOB_ATTEMPT: String(attempt),
    JOB_SCRATCH_DIR: scratchDirectory,
    // A handler that has asked for a reboot with its exit code would ask for ever if it were not told.
    ...(rebooted ? { JOB_REBOOTED: '1' } : {}),
  });
  if (progressFd === undefined) delete all['JOB_PROGRESS_FD'];
  else all['JOB_PROGRESS_FD'] = String(progressFd);
  return all;
}

import type { Job } from './contract.ts';

const PASSED_ON = ['HOME', 'LANG', 'TZ', 'USER', 'LOGNAME', 'TMPDIR'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The whole environment of a job's program: an allow-list, so that a secret in the agent's own environment never
 * reaches one, and the job's identity. `JOB_STEP` counts from 1.
 */
export function childEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  job: Job,
  stepIndex: number,
): Record<string, string> {
  const environment: Record<string, string> = { PATH: own['PATH'] || DEFAULT_PATH };
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && (PASSED_ON.includes(name) || name.startsWith('LC_'))) environment[name] = value;
  }
  environment['JOB_ID'] = job.jobId;
  environment['JOB_EXECUTION_NUMBER'] = String(job.executionNumber);
  environment['JOB_THING_NAME'] = job.thingName;
  environment['JOB_STEP'] = String(stepIndex + 1);
  return environment;
}

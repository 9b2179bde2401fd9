import { parsePresignedUrlConfig } from '../document-substitution.ts';
import type { JobConfiguration } from '../entities.ts';
import { invalid } from '../validation.ts';
import { parseAbort } from './abort.ts';
import { parseRetry } from './retry.ts';
import { parseRollout } from './rollout.ts';
import { parseScheduling } from './scheduling.ts';
import { parseTimeout } from './timeout.ts';

/** The names of a job's configurations in requests. */
export const CONFIGURATION_FIELDS = [
  'presignedUrlConfig',
  'jobExecutionsRolloutConfig',
  'abortConfig',
  'timeoutConfig',
  'jobExecutionsRetryConfig',
  'schedulingConfig',
] as const;

/** @throws ServiceError InvalidRequestException naming the field */
export function parseConfiguration(fields: Readonly<Record<string, unknown>>, now: number): JobConfiguration {
  const presignedUrlConfig = parsePresignedUrlConfig(fields['presignedUrlConfig']);
  const jobExecutionsRolloutConfig = parseRollout(fields['jobExecutionsRolloutConfig']);
  const abortConfig = parseAbort(fields['abortConfig']);
  const timeoutConfig = parseTimeout(fields['timeoutConfig']);
  const jobExecutionsRetryConfig = parseRetry(fields['jobExecutionsRetryConfig']);
  const schedulingConfig = parseScheduling(fields['schedulingConfig'], now);
  return {
    ...(presignedUrlConfig ? { presignedUrlConfig } : {}),
    ...(jobExecutionsRolloutConfig ? { jobExecutionsRolloutConfig } : {}),
    ...(abortConfig ? { abortConfig } : {}),
    ...(timeoutConfig ? { timeoutConfig } : {}),
    ...(jobExecutionsRetryConfig ? { jobExecutionsRetryConfig } : {}),
    ...(schedulingConfig ? { schedulingConfig } : {}),
  };
}

/** A retry of what timed out needs a timer to time out (developer guide, How job configurations work). */
export function checkTogether({ timeoutConfig, jobExecutionsRetryConfig }: JobConfiguration): void {
  const retriesTimeouts = jobExecutionsRetryConfig?.criteriaList.some(
    ({ failureType, numberOfRetries }) => failureType === 'TIMED_OUT' && numberOfRetries > 0,
  );
  if (retriesTimeouts && !timeoutConfig) {
    throw invalid('jobExecutionsRetryConfig: retries of TIMED_OUT need a timeoutConfig');
  }
}

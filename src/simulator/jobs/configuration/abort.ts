import type { JobExecutionStatus } from '../../../jobs/model.ts';
import { decimal, integer, list, oneOf, record, structure } from '../validation.ts';

/** When failures cancel the job (API reference, AbortConfig). */
export interface AbortConfig {
  readonly criteriaList: readonly AbortCriteria[];
}

export interface AbortCriteria {
  readonly failureType: 'FAILED' | 'REJECTED' | 'TIMED_OUT' | 'ALL';
  readonly action: 'CANCEL';
  readonly thresholdPercentage: number;
  readonly minNumberOfExecutedThings: number;
}

export function parseAbort(value: unknown): AbortConfig | undefined {
  const fields = structure('abortConfig', value, ['criteriaList']);
  if (!fields) return undefined;
  const criteriaList = list('abortConfig.criteriaList', fields['criteriaList'], 1, 100).map((entry, index) => {
    const field = `abortConfig.criteriaList[${index}]`;
    const names = ['failureType', 'action', 'thresholdPercentage', 'minNumberOfExecutedThings'];
    const criteria = structure(field, record(entry, field), names) ?? {};
    const most = Number.MAX_SAFE_INTEGER;
    return {
      failureType: oneOf(`${field}.failureType`, criteria['failureType'], ['FAILED', 'REJECTED', 'TIMED_OUT', 'ALL']),
      action: oneOf(`${field}.action`, criteria['action'], ['CANCEL']),
      // The model bounds it above only; below zero it could never mean anything.
      thresholdPercentage: decimal(`${field}.thresholdPercentage`, criteria['thresholdPercentage'], 0, 100, 2),
      minNumberOfExecutedThings: integer(
        `${field}.minNumberOfExecutedThings`,
        criteria['minNumberOfExecutedThings'],
        1,
        most,
      ),
    };
  });
  return { criteriaList };
}

/**
 * The first criterion that is met, in the order of the list. A thing is executed when its last execution has ended: the
 * guide calls the percentage one "of executed things" and does not say what of those that still run (our decision).
 */
export function abortCriterion(
  config: AbortConfig | undefined,
  count: (status: JobExecutionStatus) => number,
): AbortCriteria | undefined {
  const failures = { FAILED: count('FAILED'), REJECTED: count('REJECTED'), TIMED_OUT: count('TIMED_OUT') };
  const failed = failures.FAILED + failures.REJECTED + failures.TIMED_OUT;
  const executed = failed + count('SUCCEEDED') + count('CANCELED') + count('REMOVED');
  return config?.criteriaList.find(({ failureType, thresholdPercentage, minNumberOfExecutedThings }) => {
    const counted = failureType === 'ALL' ? failed : failures[failureType];
    if (counted === 0 || executed < minNumberOfExecutedThings) return false;
    return (counted / executed) * 100 >= thresholdPercentage;
  });
}

import { integer, invalid, list, oneOf, record, structure } from '../validation.ts';

/** How often a failed execution is queued again (API reference, JobExecutionsRetryConfig). */
export interface RetryConfig {
  readonly criteriaList: readonly RetryCriteria[];
}

export interface RetryCriteria {
  readonly failureType: 'FAILED' | 'TIMED_OUT' | 'ALL';
  readonly numberOfRetries: number;
}

/** Both types together (developer guide, How job configurations work). */
const MOST_RETRIES = 10;

export function parseRetry(value: unknown): RetryConfig | undefined {
  const field = 'jobExecutionsRetryConfig';
  const fields = structure(field, value, ['criteriaList']);
  if (!fields) return undefined;
  const criteriaList = list(`${field}.criteriaList`, fields['criteriaList'], 1, 2).map((entry, index) => {
    const path = `${field}.criteriaList[${index}]`;
    const criteria = structure(path, record(entry, path), ['failureType', 'numberOfRetries']) ?? {};
    return {
      failureType: oneOf(`${path}.failureType`, criteria['failureType'], ['FAILED', 'TIMED_OUT', 'ALL'] as const),
      numberOfRetries: integer(`${path}.numberOfRetries`, criteria['numberOfRetries'], 0, MOST_RETRIES),
    };
  });
  const types = criteriaList.map(({ failureType }) => failureType);
  if (new Set(types).size < types.length || (types.length > 1 && types.includes('ALL'))) {
    throw invalid(`${field}.criteriaList: each failure type may be named once, and ALL only by itself`);
  }
  const total = criteriaList.reduce((sum, { numberOfRetries }) => sum + numberOfRetries, 0);
  if (total > MOST_RETRIES) throw invalid(`${field}: at most ${MOST_RETRIES} retries in all, got ${total}`);
  return { criteriaList };
}

/** Whether a failure of this type, of which so many have been retried already, is retried once more. */
export function mayRetry(
  config: RetryConfig | undefined,
  failure: 'FAILED' | 'TIMED_OUT',
  retried: { readonly FAILED: number; readonly TIMED_OUT: number },
): boolean {
  const criteria = config?.criteriaList.find(({ failureType }) => failureType === failure || failureType === 'ALL');
  if (!criteria) return false;
  const used = criteria.failureType === 'ALL' ? retried.FAILED + retried.TIMED_OUT : retried[failure];
  return used < criteria.numberOfRetries;
}

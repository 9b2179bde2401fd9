import { integer, structure } from '../validation.ts';

/** How long an execution may be IN_PROGRESS (API reference, TimeoutConfig). */
export interface TimeoutConfig {
  readonly inProgressTimeoutInMinutes: number;
}

export function parseTimeout(value: unknown): TimeoutConfig | undefined {
  const fields = structure('timeoutConfig', value, ['inProgressTimeoutInMinutes']);
  const minutes = fields?.['inProgressTimeoutInMinutes'] ?? undefined;
  // The field is optional in the model: `{}` is a job without a timer.
  if (minutes === undefined) return undefined;
  return {
    inProgressTimeoutInMinutes: integer('timeoutConfig.inProgressTimeoutInMinutes', minutes, 1, 10_080),
  };
}

import type { JobExecutionState } from '../jobs/model.ts';

/**
 * A refusal of the simulated service, by the exception name of AWS's service models (`ResourceNotFoundException`, …),
 * or `VersionMismatch`, which only MQTT has a name for. Each front (MQTT, HTTP) puts it into its own words.
 */
export class ServiceError extends Error {
  readonly code: string;
  /** Sent along with InvalidStateTransition and VersionMismatch (AWS developer guide, Jobs ErrorResponse). */
  readonly executionState: JobExecutionState | undefined;

  constructor(code: string, message: string, executionState?: JobExecutionState) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
    this.executionState = executionState;
  }
}

import { ThingAgentError } from '../errors.ts';
import type { JobExecutionState } from './model.ts';

/**
 * What a rejection means for the caller:
 * - `retry`: a passing fault of the service; the same request may succeed later.
 * - `gone`: the execution does not exist any more; nothing is left to report.
 * - `final`: the execution has ended already; what the service knows stands.
 * - `reread`: the caller's idea of the execution is old; describe it, then decide.
 * - `invalid`: this very request will never be accepted.
 */
export type RejectionClass = 'retry' | 'gone' | 'final' | 'reread' | 'invalid';

/**
 * The one table of ErrorResponse codes (AWS developer guide, Jobs device MQTT API, "ErrorResponse"). A code that is not
 * in it is taken as transient: a service that learns a new word must not make fleets throw results away.
 */
const CLASSES: ReadonlyMap<string, RejectionClass> = new Map([
  ['InvalidTopic', 'invalid'],
  ['InvalidJson', 'invalid'],
  ['InvalidRequest', 'invalid'],
  ['InvalidStateTransition', 'final'],
  ['ResourceNotFound', 'gone'],
  ['VersionMismatch', 'reread'],
  ['InternalError', 'retry'],
  ['RequestThrottled', 'retry'],
  ['TerminalStateReached', 'final'],
]);

export function classifyRejection(awsCode: string): RejectionClass {
  return CLASSES.get(awsCode) ?? 'retry';
}

/** The service said no to a request. */
export class JobsRejectedError extends ThingAgentError {
  /** The service's own code: `ResourceNotFound`, … */
  readonly awsCode: string;
  readonly rejection: RejectionClass;
  readonly executionState: JobExecutionState | undefined;

  constructor(topic: string, awsCode: string, message: string, executionState?: JobExecutionState) {
    const rejection = classifyRejection(awsCode);
    super('JOBS_REJECTED', `${topic} was rejected: ${awsCode}: ${message}`, { retryable: rejection === 'retry' });
    this.awsCode = awsCode;
    this.rejection = rejection;
    this.executionState = executionState;
  }
}

/** The service did not answer a request in time, or the connection was lost while it was awaited. */
export class JobsUnansweredError extends ThingAgentError {
  constructor(topic: string, why: string) {
    super('JOBS_UNANSWERED', `${topic} was not answered: ${why}`, { retryable: true });
  }
}

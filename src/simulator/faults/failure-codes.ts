import { EXCEPTION_STATUS } from '../exceptions.ts';

/** ErrorResponse codes of the Jobs MQTT API (developer guide, "Jobs device MQTT and HTTPS APIs") → exception names. */
const MQTT_CODES: ReadonlyMap<string, string> = new Map([
  ['InvalidRequest', 'InvalidRequestException'],
  ['ResourceNotFound', 'ResourceNotFoundException'],
  ['InvalidStateTransition', 'InvalidStateTransitionException'],
  ['TerminalStateReached', 'TerminalStateException'],
  ['RequestThrottled', 'ThrottlingException'],
  ['InternalError', 'InternalFailureException'],
  ['InvalidTopic', 'InvalidTopic'],
  ['InvalidJson', 'InvalidJson'],
  ['VersionMismatch', 'VersionMismatch'],
]);

/** The exception name for either kind of name; undefined: it is neither. */
export function exceptionOf(code: string): string | undefined {
  return MQTT_CODES.get(code) ?? (Object.hasOwn(EXCEPTION_STATUS, code) ? code : undefined);
}

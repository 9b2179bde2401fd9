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

/** Of the service models, and two that the front ends put into the words of each protocol. */
const EXCEPTION = /^[A-Z][A-Za-z]{2,60}Exception$/;

/** The exception name for either kind of name; undefined: it is neither. */
export function exceptionOf(code: string): string | undefined {
  return MQTT_CODES.get(code) ?? (EXCEPTION.test(code) ? code : undefined);
}

import { ServiceError } from '../service-error.ts';
import type { ServiceName } from './operations.ts';

/** HTTP statuses by exception name (service models `iot` and `iot-jobs-data`, `httpStatusCode` of each error). */
const STATUS: Readonly<Record<string, number>> = {
  CertificateConflictException: 409,
  CertificateStateException: 406,
  CertificateValidationException: 400,
  ConflictException: 409,
  ConflictingResourceUpdateException: 409,
  DeleteConflictException: 409,
  ForbiddenException: 403,
  InternalFailureException: 500,
  InvalidRequestException: 400,
  InvalidSignatureException: 403,
  InvalidStateTransitionException: 409,
  LimitExceededException: 410,
  MalformedPolicyException: 400,
  MissingAuthenticationTokenException: 403,
  ResourceAlreadyExistsException: 409,
  ResourceNotFoundException: 404,
  ResourceRegistrationFailureException: 400,
  ServiceUnavailableException: 503,
  TerminalStateException: 410,
  UnauthorizedException: 401,
  UnknownOperationException: 404,
  ValidationException: 400,
  VersionConflictException: 409,
  VersionsLimitExceededException: 409,
};

/** A refusal in the words of rest-json. */
export interface ErrorAnswer {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

/** What a client hears of a thrown value; a fault of the simulator itself is an InternalFailureException. */
export function errorAnswer(error: unknown, service: ServiceName): ErrorAnswer {
  if (!(error instanceof ServiceError)) {
    return { status: 500, type: 'InternalFailureException', message: 'An unexpected error has occurred.' };
  }
  const type = exceptionName(error.code, service);
  // ThrottlingException is the one name with two statuses.
  const status = type === 'ThrottlingException' ? (service === 'iot' ? 400 : 429) : (STATUS[type] ?? 500);
  return { status, type, message: error.message };
}

/** The data plane has no word for a version conflict: it says InvalidStateTransition (docs/protocol.md, Errors). */
function exceptionName(code: string, service: ServiceName): string {
  if (code !== 'VersionMismatch') return code;
  return service === 'iot' ? 'VersionConflictException' : 'InvalidStateTransitionException';
}

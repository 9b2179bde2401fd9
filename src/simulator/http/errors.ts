import { EXCEPTION_STATUS } from '../exceptions.ts';
import { ServiceError } from '../service-error.ts';
import type { ServiceName } from '../service-name.ts';

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
  const status = type === 'ThrottlingException' && service === 'iot-jobs-data' ? 429 : (EXCEPTION_STATUS[type] ?? 500);
  return { status, type, message: error.message };
}

/** What only MQTT has a word for is an invalid request here. The data plane has no word for a version conflict: it says InvalidStateTransition (docs/protocol.md, Errors). */
function exceptionName(code: string, service: ServiceName): string {
  if (code === 'InvalidJson' || code === 'InvalidTopic') return 'InvalidRequestException';
  if (code !== 'VersionMismatch') return code;
  return service === 'iot' ? 'VersionConflictException' : 'InvalidStateTransitionException';
}

import { ServiceError } from '../service-error.ts';

/** The refusals that every part of the registry needs, by the exception names of service model `iot`. */

export function invalidRequest(message: string): ServiceError {
  return new ServiceError('InvalidRequestException', message);
}

export function notFound(message: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', message);
}

export function alreadyExists(message: string): ServiceError {
  return new ServiceError('ResourceAlreadyExistsException', message);
}

export function limitExceeded(message: string): ServiceError {
  return new ServiceError('LimitExceededException', message);
}

/** @throws ServiceError VersionConflictException when a version is expected and the present one is another */
export function expectVersion(what: string, present: number, expected: number | undefined): void {
  if (expected === undefined || expected === present) return;
  throw new ServiceError(
    'VersionConflictException',
    `The version for ${what} does not match the expected version: it is ${present}, not ${expected}`,
  );
}

import { ServiceError } from '../service-error.ts';
import type { ServiceName } from '../service-name.ts';

/**
 * The service that a request was signed for: the third part of the SigV4 credential scope,
 * `<key>/<date>/<region>/<service>/aws4_request` (IAM user guide, "Signature Version 4"). The signature itself is not
 * checked: the simulator keeps no secret keys.
 * @throws ServiceError MissingAuthenticationTokenException, InvalidSignatureException
 */
export function signedService(authorization: string | undefined, credentialQuery: string | undefined): ServiceName {
  const credential = authorization?.match(/Credential=([^,\s]+)/)?.[1] ?? credentialQuery;
  const scope = credential?.split('/');
  if (!scope || scope.length < 5 || scope.at(-1) !== 'aws4_request') {
    throw new ServiceError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const service = scope.at(-2);
  if (service === 'iot' || service === 'iot-jobs-data') return service;
  // AWS CLI before 2.13 (Debian 12 has 2.9) signs the control plane by its old signing name.
  if (service === 'execute-api') return 'iot';
  throw new ServiceError(
    'InvalidSignatureException',
    `Credential should be scoped to correct service: 'iot' or 'iot-jobs-data', got ${JSON.stringify(service)}`,
  );
}

import { describe, expect, it } from 'vitest';
import { signedService } from '../../../src/simulator/http/signature.ts';

const authorization = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;

describe('the service that a request was signed for', () => {
  it.each([
    ['iot', 'iot'],
    ['iot-jobs-data', 'iot-jobs-data'],
    // AWS CLI 2.9, which Debian 12 ships.
    ['execute-api', 'iot'],
  ])('%s is %s', (scope, service) => {
    expect(signedService(authorization(scope), undefined)).toBe(service);
  });

  it('may be in the query, as in presigned requests', () => {
    expect(signedService(undefined, 'key/20260101/us-east-1/iot/aws4_request')).toBe('iot');
  });

  it('is missing from an unsigned request, and is refused when it is another', () => {
    expect(() => signedService(undefined, undefined)).toThrow(
      expect.objectContaining({ code: 'MissingAuthenticationTokenException' }),
    );
    expect(() => signedService(authorization('s3'), undefined)).toThrow(
      expect.objectContaining({ code: 'InvalidSignatureException' }),
    );
  });
});

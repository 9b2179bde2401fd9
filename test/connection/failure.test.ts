import { expect, test } from 'vitest';
import { describeFailure } from '../../src/connection/failure.ts';

const failed = (code: string) => describeFailure(Object.assign(new Error('x'), { code }), 'broker.test', 8883);

test.each([
  ['ENOTFOUND', 'DNS_FAILED'],
  ['ECONNREFUSED', 'CONNECTION_REFUSED'],
  ['ECONNRESET', 'CONNECTION_RESET'],
  ['ETIMEDOUT', 'CONNECTION_TIMED_OUT'],
  ['CERT_NOT_YET_VALID', 'SERVER_CERTIFICATE_NOT_YET_VALID'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'SERVER_CA_UNKNOWN'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'SERVER_NAME_MISMATCH'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED'],
])('%s is said as %s, with the endpoint and a remedy', (original, code) => {
  const trouble = failed(original);
  expect(trouble.code).toBe(code);
  expect(trouble.message).toMatch(/broker\.test:8883.*(check|set) /);
});

test('an unknown failure keeps its own words', () => {
  expect(describeFailure(new Error('odd'), 'h', 1)).toEqual({
    code: 'CONNECTION_FAILED',
    message: 'cannot connect to h:1: odd',
  });
});

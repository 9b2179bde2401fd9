import { errorCode, errorMessage } from '../errors.ts';
import type { ConnectionTrouble } from './connection.ts';

type Words = readonly [code: string, problem: string, remedy: string];

const CLOCK = 'check the device’s clock (NTP)';
const CA =
  'set rootCaPath to the CA that signed the server’s certificate (Amazon Root CA 1 for AWS IoT -ats endpoints)';
const NETWORK = 'check the network and the firewall';

/** Node's and OpenSSL's error codes in words. All of these may mend themselves: they are retried for ever. */
const TABLE: Readonly<Record<string, Words>> = {
  ENOTFOUND: ['DNS_FAILED', 'the endpoint’s name cannot be resolved', 'check endpoint, and DNS on this device'],
  EAI_AGAIN: ['DNS_FAILED', 'name resolution does not work now', 'check DNS on this device'],
  ECONNREFUSED: ['CONNECTION_REFUSED', 'nothing listens there', 'check endpoint and port'],
  ECONNRESET: ['CONNECTION_RESET', 'the connection was cut', NETWORK],
  EPIPE: ['CONNECTION_RESET', 'the connection was cut', NETWORK],
  ETIMEDOUT: ['CONNECTION_TIMED_OUT', 'there is no answer', NETWORK],
  EHOSTUNREACH: ['NETWORK_UNREACHABLE', 'the host cannot be reached', NETWORK],
  ENETUNREACH: ['NETWORK_UNREACHABLE', 'the network cannot be reached', NETWORK],
  CERT_NOT_YET_VALID: ['SERVER_CERTIFICATE_NOT_YET_VALID', 'the server’s certificate is not valid yet', CLOCK],
  CERT_HAS_EXPIRED: ['SERVER_CERTIFICATE_EXPIRED', 'the server’s certificate has expired', CLOCK],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['SERVER_CA_UNKNOWN', 'the server’s certificate is of an unknown CA', CA],
  UNABLE_TO_GET_ISSUER_CERT: ['SERVER_CA_UNKNOWN', 'the server’s certificate is of an unknown CA', CA],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['SERVER_CA_UNKNOWN', 'the server’s certificate is of an unknown CA', CA],
  SELF_SIGNED_CERT_IN_CHAIN: ['SERVER_CA_UNKNOWN', 'the server’s certificate is of an unknown CA', CA],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['SERVER_CA_UNKNOWN', 'the server’s certificate is signed by itself', CA],
  CERT_SIGNATURE_FAILURE: ['SERVER_CA_UNKNOWN', 'the server’s certificate is not signed by the CA it names', CA],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'SERVER_NAME_MISMATCH',
    'the server’s certificate is for another name',
    'check endpoint',
  ],
};

/** Why connecting to `host:port` failed, in words, with the remedy. */
export function describeFailure(error: unknown, host: string, port: number): ConnectionTrouble {
  const original = errorCode(error);
  const words = original === undefined ? undefined : TABLE[original];
  const at = `${host}:${port}`;
  if (words) {
    const [code, problem, remedy] = words;
    return { code, message: `cannot connect to ${at}: ${problem} (${original}): ${remedy}` };
  }
  if (original?.startsWith('ERR_SSL_')) {
    return {
      code: 'TLS_FAILED',
      message: `cannot connect to ${at}: the TLS handshake failed (${original}): check that the port speaks MQTT over TLS and that the certificate is one the server accepts`,
    };
  }
  return { code: 'CONNECTION_FAILED', message: `cannot connect to ${at}: ${errorMessage(error)}` };
}

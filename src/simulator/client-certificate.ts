import { X509Certificate } from 'node:crypto';
import { certificateIdOf } from './certificate-authority.ts';
import type { Clock } from './clock.ts';

/** By certificate id, the lower-case hex SHA-256 of the DER; undefined: unknown here. */
export type CertificateStatus = (certificateId: string) => string | undefined;

export type ClientCertificate =
  | { readonly certificateId: string }
  /** Why the connection may not be used: `it is INACTIVE`, … */
  | { readonly problem: string };

/**
 * Whether what a client showed is registered, active and within its dates, whoever signed it: AWS takes certificates of
 * other authorities too, if they are registered.
 */
export function checkClientCertificate(
  der: Buffer | undefined,
  status: CertificateStatus,
  clock: Clock,
): ClientCertificate {
  if (der === undefined) return { problem: 'the client sent none' };
  const { validFrom, validTo } = new X509Certificate(der);
  // A clock that stands in the past must not make today's certificates invalid; one that was moved on may end them.
  const now = Math.max(Date.now(), clock.now());
  if (now < Date.parse(validFrom)) return { problem: 'it is not valid yet' };
  if (now > Date.parse(validTo)) return { problem: 'it has expired' };
  const certificateId = certificateIdOf(der);
  const known = status(certificateId);
  if (known === 'ACTIVE') return { certificateId };
  return { problem: known ? `it is ${known}` : 'it is not registered' };
}

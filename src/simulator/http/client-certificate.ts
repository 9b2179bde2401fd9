import { TLSSocket } from 'node:tls';
import { certificateIdOf } from '../certificate-authority.ts';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../service-error.ts';

/**
 * The id of the certificate that a device showed, if it is signed by our authority, within its dates, and active.
 * @throws ServiceError CertificateValidationException (API reference of the Jobs data plane: "The certificate is
 * invalid.")
 */
export function validCertificateId(
  socket: unknown,
  status: (certificateId: string) => string | undefined,
  clock: Clock,
): string {
  if (!(socket instanceof TLSSocket)) throw invalid('the connection has no TLS');
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) throw invalid('the client sent none');
  // `authorized` covers the chain and the dates.
  if (!socket.authorized) throw invalid(String(socket.authorizationError));
  // The dates once more: a connection may outlive its certificate, and the clock be moved on.
  const now = Math.max(Date.now(), clock.now());
  if (Date.parse(certificate.validTo) < now) throw invalid('it has expired');
  const certificateId = certificateIdOf(certificate.raw);
  const known = status(certificateId);
  if (known === 'ACTIVE') return certificateId;
  throw invalid(known ? `it is ${known}` : 'it is not registered');
}

function invalid(why: string): ServiceError {
  return new ServiceError('CertificateValidationException', `The certificate is invalid: ${why}`);
}

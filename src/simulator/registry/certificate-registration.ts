import type { CertificateAuthority } from '../certificate-authority.ts';
import { ServiceError } from '../service-error.ts';
import { type CertificateStatus, parseCertificate, type RegisteredCertificate } from './certificates.ts';
import type { Registry } from './registry.ts';

/**
 * RegisterCertificate: takes in a certificate that a registered CA has signed. The simulator has one, its own authority.
 * @throws ServiceError CertificateValidationException for one of another CA; ResourceAlreadyExistsException
 */
export function registerIssued(
  registry: Registry,
  authority: CertificateAuthority,
  given: {
    readonly certificatePem: string;
    readonly caCertificatePem?: string | undefined;
    readonly status: CertificateStatus;
  },
): RegisteredCertificate {
  const { certificatePem, caCertificatePem, status } = given;
  const certificate = parseCertificate(certificatePem);
  const ca = parseCertificate(authority.caPem);
  const isOurs = caCertificatePem === undefined || parseCertificate(caCertificatePem).raw.equals(ca.raw);
  if (!isOurs || !certificate.verify(ca.publicKey)) {
    throw new ServiceError(
      'CertificateValidationException',
      'The certificate is invalid: no CA certificate that is registered here has signed it',
    );
  }
  return registry.certificates.register(certificatePem, status);
}

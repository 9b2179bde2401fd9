import type { X509Certificate } from 'node:crypto';
import type { CertificateFields } from './policy-request.ts';

/** OpenSSL's names of the fields that are policy variables, with AWS's. */
const FIELDS: Readonly<Record<string, string>> = {
  dnQualifier: 'DistinguishedNameQualifier',
  C: 'Country',
  O: 'Organization',
  OU: 'OrganizationalUnit',
  ST: 'State',
  CN: 'CommonName',
  serialNumber: 'SerialNumber',
  title: 'Title',
  SN: 'Surname',
  GN: 'GivenName',
  initials: 'Initials',
  pseudonym: 'Pseudonym',
  generationQualifier: 'GenerationQualifier',
};

/** Subject and issuer of a certificate, as PolicyContext has them. */
export function certificateNames(certificate: X509Certificate): {
  readonly certificateSubject: CertificateFields;
  readonly certificateIssuer: CertificateFields;
} {
  const { subject, issuer } = certificate.toLegacyObject();
  return { certificateSubject: fieldsOf(subject), certificateIssuer: fieldsOf(issuer) };
}

function fieldsOf(name: unknown): CertificateFields {
  const fields: Record<string, string | readonly string[]> = {};
  for (const [short, value] of Object.entries(name ?? {})) {
    const field = FIELDS[short];
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (field !== undefined) fields[field] = values.map(String);
  }
  return fields;
}

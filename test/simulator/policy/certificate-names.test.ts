import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { certificateNames } from '../../../src/simulator/policy/certificate-names.ts';
import { installReflectMetadata } from '../../../src/simulator/reflect-metadata.ts';

async function certificate(subject: string, issuer: string): Promise<X509Certificate> {
  installReflectMetadata();
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.create({
    ...{ subject, issuer, serialNumber: '01' },
    ...{ signingAlgorithm: algorithm, publicKey: keys.publicKey, signingKey: keys.privateKey },
  });
  return new X509Certificate(made.toString('pem'));
}

test('subject and issuer have the names that AWS gives their fields', async () => {
  const subject = 'CN=lamp-7, O=Example Corp, OU=Lights, C=DE, ST=Berlin, L=Mitte';
  expect(certificateNames(await certificate(subject, 'CN=root'))).toEqual({
    certificateSubject: {
      CommonName: ['lamp-7'],
      Organization: ['Example Corp'],
      OrganizationalUnit: ['Lights'],
      Country: ['DE'],
      State: ['Berlin'],
    },
    certificateIssuer: { CommonName: ['root'] },
  });
});

test('the rarer fields are named too', async () => {
  const rare = {
    '2.5.4.46': 'DistinguishedNameQualifier',
    '2.5.4.5': 'SerialNumber',
    '2.5.4.12': 'Title',
    '2.5.4.4': 'Surname',
    '2.5.4.42': 'GivenName',
    '2.5.4.43': 'Initials',
    '2.5.4.65': 'Pseudonym',
    '2.5.4.44': 'GenerationQualifier',
  };
  const subject = Object.keys(rare).map((oid, index) => `${oid}=v${index}`);
  const { certificateSubject } = certificateNames(await certificate(subject.join(', '), 'CN=root'));
  expect(certificateSubject).toEqual(
    Object.fromEntries(Object.values(rare).map((name, index) => [name, [`v${index}`]])),
  );
});

test('a field with several values keeps them in order', async () => {
  const { certificateSubject } = certificateNames(await certificate('O=Example Corp, O=AnyCompany, CN=x', 'CN=root'));
  expect(certificateSubject['Organization']).toEqual(['Example Corp', 'AnyCompany']);
});

test('an empty subject has no field', async () => {
  expect(certificateNames(await certificate('', 'CN=root')).certificateSubject).toEqual({});
});

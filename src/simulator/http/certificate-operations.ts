import { X509Certificate } from 'node:crypto';
import * as v from 'valibot';
import type { CertificateAuthority } from '../certificate-authority.ts';
import { page } from '../page.ts';
import { registerIssued } from '../registry/certificate-registration.ts';
import type { RegisteredCertificate } from '../registry/certificates.ts';
import { invalidRequest } from '../registry/refusals.ts';
import type { Registry } from '../registry/registry.ts';
import { flag, type Handlers, param } from './call.ts';
import { operation } from './checked-operation.ts';
import { TEXT } from './shapes.ts';

/** "Valid values that you can use include ACTIVE, INACTIVE, and REVOKED" (RegisterCertificate, API reference). */
const STATUS = v.picklist(['ACTIVE', 'INACTIVE', 'REVOKED']);
const CERTIFICATE_PEM = v.pipe(TEXT, v.maxLength(65_536));
const CSR = v.pipe(TEXT, v.maxLength(4096));

/** Certificates (AWS IoT API reference). */
export function certificateOperations(registry: Registry, authority: CertificateAuthority): Handlers {
  const { certificates } = registry;
  return {
    CreateKeysAndCertificate: operation({ query: ['setAsActive'] }, async (call) => {
      const status = flag(call, 'setAsActive') ? 'ACTIVE' : 'INACTIVE';
      const { certificatePem, privateKey, publicKey } = await authority.issueDeviceCertificate();
      const keyPair = { PublicKey: publicKey, PrivateKey: privateKey };
      return { ...idsOf(certificates.register(certificatePem, status)), certificatePem, keyPair };
    }),
    CreateCertificateFromCsr: operation(
      { query: ['setAsActive'], body: { certificateSigningRequest: CSR } },
      async (call, { certificateSigningRequest }) => {
        const status = flag(call, 'setAsActive') ? 'ACTIVE' : 'INACTIVE';
        const { certificatePem } = await authority.certify(certificateSigningRequest);
        return { ...idsOf(certificates.register(certificatePem, status)), certificatePem };
      },
    ),
    RegisterCertificate: operation(
      {
        query: ['setAsActive'],
        body: {
          certificatePem: CERTIFICATE_PEM,
          caCertificatePem: v.optional(CERTIFICATE_PEM),
          status: v.optional(STATUS),
        },
      },
      (call, given) => {
        const byFlag = flag(call, 'setAsActive') ? 'ACTIVE' : 'INACTIVE';
        // The flag is deprecated: the status goes before it.
        return idsOf(registerIssued(registry, authority, { ...given, status: given.status ?? byFlag }));
      },
    ),
    RegisterCertificateWithoutCA: operation(
      { body: { certificatePem: CERTIFICATE_PEM, status: v.optional(STATUS) } },
      (_call, { certificatePem, status = 'INACTIVE' }) =>
        idsOf(certificates.register(certificatePem, status, { mode: 'SNI_ONLY' })),
    ),
    DescribeCertificate: operation({}, (call) => ({
      certificateDescription: described(certificates.describe(certificateIdOf(call)), registry.accountId),
    })),
    UpdateCertificate: operation({ query: ['newStatus'] }, (call) =>
      certificates.update(certificateIdOf(call), call.query['newStatus']),
    ),
    DeleteCertificate: operation({ query: ['forceDelete'] }, (call) =>
      certificates.delete(certificateIdOf(call), flag(call, 'forceDelete')),
    ),
    ListCertificates: operation({ query: ['pageSize', 'marker', 'isAscendingOrder'] }, (call) => {
      const { items, nextToken } = page(call.query, certificates.list(), byCreation, {
        sizeName: 'pageSize',
        tokenName: 'marker',
        // "A default page size of 25" (ListCertificates, API reference).
        absentSize: 25,
        descending: !flag(call, 'isAscendingOrder'),
      });
      return {
        certificates: items.map(({ certificateArn, certificateId, status, certificateMode, creationDate }) => ({
          certificateArn,
          certificateId,
          status,
          certificateMode,
          creationDate,
        })),
        nextMarker: nextToken,
      };
    }),
  };
}

function certificateIdOf(call: Parameters<typeof param>[0]): string {
  const id = param(call, 'certificateId');
  // Service model `iot`, CertificateId.
  if (!/^[a-fA-F0-9x]{64}$/.test(id)) throw invalidRequest(`Invalid certificate id: ${JSON.stringify(id)}`);
  return id;
}

function idsOf({ certificateArn, certificateId }: RegisteredCertificate) {
  return { certificateArn, certificateId };
}

/** Creation dates in an order that text has too; of one moment, by id. */
function byCreation({ creationDate, certificateId }: RegisteredCertificate): string {
  return `${creationDate.toFixed(3).padStart(20, '0')} ${certificateId}`;
}

function described(certificate: RegisteredCertificate, ownedBy: string) {
  const { policies: _policies, things: _things, claim: _claim, ...rest } = certificate;
  const { validFrom, validTo } = new X509Certificate(certificate.certificatePem);
  const validity = { notBefore: Date.parse(validFrom) / 1000, notAfter: Date.parse(validTo) / 1000 };
  return { ...rest, ownedBy, customerVersion: 1, validity };
}

import { X509Certificate } from 'node:crypto';
import { certificateIdOf } from '../certificate-authority.ts';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../service-error.ts';
import type { Collection, Store } from '../store.ts';

const STATUSES = [
  'ACTIVE',
  'INACTIVE',
  'REVOKED',
  'PENDING_TRANSFER',
  'REGISTER_INACTIVE',
  'PENDING_ACTIVATION',
] as const;

/** A certificate's status in the registry; only ACTIVE may connect. */
export type CertificateStatus = (typeof STATUSES)[number];

/** A certificate known to the registry; times are epoch seconds. */
export interface RegisteredCertificate {
  readonly certificateId: string;
  readonly certificateArn: string;
  readonly certificatePem: string;
  readonly status: CertificateStatus;
  readonly creationDate: number;
  readonly lastModifiedDate: number;
  /** Names of the policies attached to it. */
  readonly policies: readonly string[];
}

/** The certificates of the registry and the policies attached to them. */
export class Certificates {
  readonly #certificates: Collection<RegisteredCertificate>;
  readonly #arnPrefix: string;
  readonly #clock: Clock;

  constructor(store: Store, arnPrefix: string, clock: Clock) {
    this.#certificates = store.collection<RegisteredCertificate>('certificates');
    this.#arnPrefix = arnPrefix;
    this.#clock = clock;
  }

  /** The status of a certificate by id; undefined when it is not known. */
  status(certificateId: string): CertificateStatus | undefined {
    return this.#certificates.get(certificateId)?.status;
  }

  register(certificatePem: string, status: CertificateStatus): RegisteredCertificate {
    const certificateId = certificateIdOf(new X509Certificate(certificatePem).raw);
    const now = this.#clock.now() / 1000;
    const certificate: RegisteredCertificate = {
      certificateId,
      certificateArn: `${this.#arnPrefix}:cert/${certificateId}`,
      certificatePem,
      status,
      creationDate: now,
      lastModifiedDate: now,
      policies: [],
    };
    this.#certificates.set(certificateId, certificate);
    return certificate;
  }

  /** The entry of this very certificate, if there is one. */
  find(certificatePem: string): RegisteredCertificate | undefined {
    return this.#certificates.get(certificateIdOf(new X509Certificate(certificatePem).raw));
  }

  /** @throws ServiceError ResourceNotFoundException */
  describe(certificateId: string): RegisteredCertificate {
    const certificate = this.#certificates.get(certificateId);
    if (!certificate) {
      throw new ServiceError('ResourceNotFoundException', `The certificate given in the request does not exist.`);
    }
    return certificate;
  }

  /** @throws ServiceError ResourceNotFoundException, also for an ARN that names no certificate */
  byArn(arn: string): RegisteredCertificate {
    const prefix = `${this.#arnPrefix}:cert/`;
    if (!arn.startsWith(prefix)) {
      throw new ServiceError(
        'InvalidRequestException',
        `Not a certificate ARN of this account: ${JSON.stringify(arn)}`,
      );
    }
    return this.describe(arn.slice(prefix.length));
  }

  list(): RegisteredCertificate[] {
    return [...this.#certificates.values()];
  }

  update(certificateId: string, newStatus: unknown): void {
    const certificate = this.describe(certificateId);
    const status = STATUSES.find((known) => known === newStatus);
    if (!status) {
      throw new ServiceError(
        'InvalidRequestException',
        `newStatus: expected one of ${STATUSES.join(', ')}, got ${JSON.stringify(newStatus)}`,
      );
    }
    this.#certificates.set(certificateId, { ...certificate, status, lastModifiedDate: this.#clock.now() / 1000 });
  }

  /** An active certificate, or one with policies unless forced, stays (DeleteCertificate, API reference). */
  delete(certificateId: string, attachedToThing: boolean, force: boolean): void {
    const certificate = this.describe(certificateId);
    if (certificate.status === 'ACTIVE') {
      throw new ServiceError(
        'CertificateStateException',
        `Certificate must be deactivated (not ACTIVE) before deletion. (id=${certificateId})`,
      );
    }
    if (attachedToThing || (!force && certificate.policies.length > 0)) {
      throw new ServiceError(
        'DeleteConflictException',
        `Things or policies must be detached before deletion (certificateId=${certificateId})`,
      );
    }
    this.#certificates.delete(certificateId);
  }

  setPolicies(certificateId: string, policies: readonly string[]): void {
    this.#certificates.set(certificateId, { ...this.describe(certificateId), policies });
  }
}

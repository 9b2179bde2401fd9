import { randomUUID, X509Certificate } from 'node:crypto';
import { certificateIdOf } from '../certificate-authority.ts';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../service-error.ts';
import type { Collection, Store } from '../store.ts';
import { alreadyExists, invalidRequest, notFound } from './refusals.ts';

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

/** DEFAULT: made here, or registered with its CA; SNI_ONLY: registered without one (API reference). */
export type CertificateMode = 'DEFAULT' | 'SNI_ONLY';

/** What a claim certificate may do, and until when: epoch milliseconds (CreateProvisioningClaim). */
export interface Claim {
  readonly templateName: string;
  readonly expiration: number;
}

/** A certificate known to the registry; times are epoch seconds. */
export interface RegisteredCertificate {
  readonly certificateId: string;
  readonly certificateArn: string;
  readonly certificatePem: string;
  readonly status: CertificateStatus;
  readonly certificateMode: CertificateMode;
  readonly creationDate: number;
  readonly lastModifiedDate: number;
  readonly generationId: string;
  readonly claim?: Claim;
  /** Names of the policies attached to it. */
  readonly policies: readonly string[];
  /** Names of the things it is attached to; absent: none. */
  readonly things?: readonly string[];
}

/** The certificates of the registry, with the policies attached to them and the things that they are attached to. */
export class Certificates {
  readonly #certificates: Collection<RegisteredCertificate>;
  readonly #arnPrefix: string;
  readonly #clock: Clock;
  readonly #changed: (certificateId: string) => void;

  /** `changed` is told after a change of status and after a deletion. */
  constructor(store: Store, arnPrefix: string, clock: Clock, changed: (certificateId: string) => void) {
    this.#certificates = store.collection<RegisteredCertificate>('certificates');
    this.#arnPrefix = `${arnPrefix}:cert/`;
    this.#clock = clock;
    this.#changed = changed;
  }

  /** The status of a certificate by id; undefined when it is not known. An expired claim is INACTIVE. */
  status(certificateId: string): CertificateStatus | undefined {
    const certificate = this.#certificates.get(certificateId);
    // TLS goes by the machine's time; this is for the simulator's own, which may be ahead of it.
    if (certificate?.claim && certificate.claim.expiration <= this.#clock.now()) return 'INACTIVE';
    return certificate?.status;
  }

  /** @throws ServiceError CertificateValidationException, ResourceAlreadyExistsException */
  register(
    certificatePem: string,
    status: CertificateStatus,
    { mode = 'DEFAULT', claim }: { mode?: CertificateMode; claim?: Claim } = {},
  ): RegisteredCertificate {
    const certificateId = certificateIdOf(parseCertificate(certificatePem).raw);
    if (this.#certificates.get(certificateId)) {
      throw alreadyExists(`The certificate is already provisioned or registered (id=${certificateId})`);
    }
    const now = this.#clock.now() / 1000;
    const certificate: RegisteredCertificate = {
      certificateId,
      certificateArn: this.#arnPrefix + certificateId,
      certificatePem,
      status,
      certificateMode: mode,
      creationDate: now,
      lastModifiedDate: now,
      generationId: randomUUID(),
      policies: [],
      ...(claim && { claim }),
    };
    this.#certificates.set(certificateId, certificate);
    return certificate;
  }

  /**
   * The entry of this very certificate, if there is one.
   * @throws ServiceError CertificateValidationException
   */
  find(certificatePem: string): RegisteredCertificate | undefined {
    return this.#certificates.get(certificateIdOf(parseCertificate(certificatePem).raw));
  }

  get(certificateId: string): RegisteredCertificate | undefined {
    return this.#certificates.get(certificateId);
  }

  /** @throws ServiceError ResourceNotFoundException */
  describe(certificateId: string): RegisteredCertificate {
    const certificate = this.#certificates.get(certificateId);
    if (!certificate) throw notFound(`The certificate given in the request does not exist.`);
    return certificate;
  }

  isArn(arn: string): boolean {
    return arn.startsWith(this.#arnPrefix);
  }

  /** @throws ServiceError ResourceNotFoundException, InvalidRequestException for an ARN that is no certificate's */
  byArn(arn: string): RegisteredCertificate {
    if (!this.isArn(arn)) throw invalidRequest(`Not a certificate ARN of this account: ${JSON.stringify(arn)}`);
    return this.describe(arn.slice(this.#arnPrefix.length));
  }

  all(): RegisteredCertificate[] {
    return [...this.#certificates.values()];
  }

  /** All but the claim certificates, which are temporary and not the account's to keep (our decision). */
  list(): RegisteredCertificate[] {
    return this.all().filter((certificate) => !certificate.claim);
  }

  /** Every other status may follow on any, on REVOKED too (our decision: no source says). */
  update(certificateId: string, newStatus: unknown): void {
    const certificate = this.describe(certificateId);
    const status = STATUSES.find((known) => known === newStatus);
    // "Setting the status to PENDING_TRANSFER or PENDING_ACTIVATION will result in an exception being thrown."
    if (!status || status === 'PENDING_TRANSFER' || status === 'PENDING_ACTIVATION') {
      throw invalidRequest(`newStatus: expected ACTIVE, INACTIVE or REVOKED, got ${JSON.stringify(newStatus)}`);
    }
    // "This operation is idempotent" (UpdateCertificate, API reference).
    if (certificate.status === status) return;
    this.#set(certificate, { status, lastModifiedDate: this.#clock.now() / 1000 });
    this.#changed(certificateId);
  }

  /**
   * An active certificate, one that is attached to a thing, and one with policies unless forced, stay (DeleteCertificate,
   * API reference).
   */
  delete(certificateId: string, force: boolean): void {
    const { status, things = [], policies } = this.describe(certificateId);
    if (status === 'ACTIVE') {
      throw new ServiceError(
        'CertificateStateException',
        `Certificate must be deactivated (not ACTIVE) before deletion. (id=${certificateId})`,
      );
    }
    if (things.length > 0 || (!force && policies.length > 0)) {
      throw new ServiceError(
        'DeleteConflictException',
        `Things or policies must be detached before deletion (certificateId=${certificateId})`,
      );
    }
    this.#certificates.delete(certificateId);
    this.#changed(certificateId);
  }

  setPolicies(certificateId: string, policies: readonly string[]): void {
    this.#set(this.describe(certificateId), { policies });
  }

  setThings(certificateId: string, things: readonly string[]): void {
    this.#set(this.describe(certificateId), { things });
  }

  /** ARNs of the certificates attached to a thing. */
  principalsOf(thingName: string): string[] {
    return this.all()
      .filter(({ things = [] }) => things.includes(thingName))
      .map(({ certificateArn }) => certificateArn);
  }

  #set(certificate: RegisteredCertificate, changes: Partial<RegisteredCertificate>): void {
    this.#certificates.set(certificate.certificateId, { ...certificate, ...changes });
  }
}

/** @throws ServiceError CertificateValidationException */
export function parseCertificate(certificatePem: string): X509Certificate {
  try {
    return new X509Certificate(certificatePem);
  } catch {
    // Whatever OpenSSL says of it, it is no certificate in PEM.
    throw new ServiceError('CertificateValidationException', 'The certificate is invalid: it cannot be parsed');
  }
}

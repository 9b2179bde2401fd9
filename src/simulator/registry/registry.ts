import type { Clock } from '../clock.ts';
import type { Store } from '../store.ts';
import { type CertificateStatus, Certificates } from './certificates.ts';
import { Policies } from './policies.ts';
import { Things } from './things.ts';

/** The device registry of one account and region: things, certificates, policies and what is attached to what. */
export class Registry {
  readonly things: Things;
  readonly certificates: Certificates;
  readonly policies: Policies;

  constructor(options: { store: Store; clock: Clock; region: string; accountId: string }) {
    const arnPrefix = `arn:aws:iot:${options.region}:${options.accountId}`;
    this.things = new Things(options.store, arnPrefix);
    this.certificates = new Certificates(options.store, arnPrefix, options.clock);
    this.policies = new Policies(options.store, arnPrefix, options.clock);
  }

  thingExists(thingName: string): boolean {
    return this.things.exists(thingName);
  }

  certificateStatus(certificateId: string): CertificateStatus | undefined {
    return this.certificates.status(certificateId);
  }

  deleteCertificate(certificateId: string, force: boolean): void {
    const { certificateArn } = this.certificates.describe(certificateId);
    const attached = this.things.list().some((thing) => thing.principals.includes(certificateArn));
    this.certificates.delete(certificateId, attached, force);
  }

  /** Attaching twice is no error (AttachPolicy, API reference). */
  attachPolicy(policyName: string, target: string): void {
    this.policies.get(policyName);
    const { certificateId, policies } = this.certificates.byArn(target);
    if (!policies.includes(policyName)) this.certificates.setPolicies(certificateId, [...policies, policyName]);
  }

  detachPolicy(policyName: string, target: string): void {
    const { certificateId, policies } = this.certificates.byArn(target);
    this.certificates.setPolicies(
      certificateId,
      policies.filter((name) => name !== policyName),
    );
  }

  attachThingPrincipal(thingName: string, principal: string): void {
    this.certificates.byArn(principal);
    this.things.attachPrincipal(thingName, principal);
  }
}

import { createHash } from 'node:crypto';
import type { CertificateAuthority, IssuedCertificate } from '../certificate-authority.ts';
import { ServiceError } from '../service-error.ts';
import { registerIssued } from './certificate-registration.ts';
import type { RegisteredCertificate } from './certificates.ts';
import { checkPolicyDocument } from './policy-document.ts';
import type { PlannedCertificate, PlannedPolicy, PlannedThing, ProvisioningPlan } from './provisioning-template.ts';
import type { Registry } from './registry.ts';
import type { Thing } from './things.ts';

/** What provisioning made or found; ARNs are by the logical names of the template. */
export interface Provisioned {
  readonly thing: Thing | undefined;
  readonly certificate: RegisteredCertificate | undefined;
  readonly resourceArns: Readonly<Record<string, string>>;
}

/** What RegisterThing may be refused with (service model `iot`); any other refusal on the way is a failed registration. */
const REFUSALS = [
  'InvalidRequestException',
  'ConflictingResourceUpdateException',
  'ResourceRegistrationFailureException',
];

/**
 * Makes what a plan asks for, and attaches it: the policies to the certificate, the certificate to the thing. What is
 * missing is noticed before anything is made; if it fails later on, what was made stays (our decision: no source says).
 * @throws ServiceError ResourceRegistrationFailureException, ConflictingResourceUpdateException, InvalidRequestException
 */
export async function provision(
  plan: ProvisioningPlan,
  rooms: { registry: Registry; authority: CertificateAuthority },
): Promise<Provisioned> {
  try {
    check(plan, rooms.registry);
    return await make(plan, rooms);
  } catch (error) {
    if (error instanceof ServiceError && !REFUSALS.includes(error.code)) throw failed(error.message);
    throw error;
  }
}

async function make(
  plan: ProvisioningPlan,
  { registry, authority }: { registry: Registry; authority: CertificateAuthority },
): Promise<Provisioned> {
  const certificate = plan.certificate && (await provideCertificate(plan.certificate, registry, authority));
  const thing = plan.thing && provideThing(plan.thing, registry);
  const resourceArns: Record<string, string> = {};
  if (plan.thing && thing) resourceArns[plan.thing.logicalId] = thing.thingArn;
  if (plan.certificate && certificate) resourceArns[plan.certificate.logicalId] = certificate.certificateArn;
  for (const planned of plan.policies) {
    const policy = registry.policies.get(providePolicy(planned, registry));
    resourceArns[planned.logicalId] = policy.policyArn;
    if (certificate) registry.attachPolicy(policy.policyName, certificate.certificateArn);
  }
  if (thing && certificate) registry.attachThingPrincipal(thing.thingName, certificate.certificateArn);
  return { thing, certificate, resourceArns };
}

/** "A temporary certificate … valid for five minutes" (developer guide, "Provisioning by trusted user"). */
const CLAIM_LIFE = 5 * 60_000;

/**
 * CreateProvisioningClaim: a certificate that may provision with this template, for five minutes.
 * @throws ServiceError ResourceNotFoundException
 */
export async function issueClaim(
  templateName: string,
  { registry, authority }: { registry: Registry; authority: CertificateAuthority },
): Promise<{ issued: IssuedCertificate; expiration: number }> {
  registry.templates.describe(templateName);
  const expiration = registry.clock.now() + CLAIM_LIFE;
  // TLS goes by the machine's time, which the simulator's may have left behind.
  const notBefore = Math.min(registry.clock.now(), Date.now()) - CLAIM_LIFE;
  const issued = await authority.issueDeviceCertificate({ notBefore, notAfter: expiration });
  registry.certificates.register(issued.certificatePem, 'ACTIVE', { claim: { templateName, expiration } });
  return { issued, expiration: expiration / 1000 };
}

function check({ thing, certificate, policies }: ProvisioningPlan, registry: Registry): void {
  const missing = thing?.groups.find((group) => !registry.groupExists(group));
  if (missing !== undefined) throw failed(`Thing group ${missing} not found`);
  for (const policy of policies) {
    if ('policyDocument' in policy) checkPolicyDocument(policy.policyDocument);
    else if (!registry.policies.exists(policy.policyName)) throw failed(`Policy ${policy.policyName} not found`);
  }
  const existing = thing && registry.thingExists(thing.thingName);
  if (existing && (thing.overrideAttributes === 'FAIL' || thing.overrideGroups === 'FAIL')) {
    throw conflict(`thing ${thing.thingName}`);
  }
  if (certificate?.source.kind === 'id' && !registry.certificates.get(certificate.source.certificateId)) {
    throw failed(`Certificate ${certificate.source.certificateId} not found`);
  }
}

async function provideCertificate(
  planned: PlannedCertificate,
  registry: Registry,
  authority: CertificateAuthority,
): Promise<RegisteredCertificate> {
  const { source, status, overrideStatus } = planned;
  const { certificates } = registry;
  if (source.kind === 'csr') {
    const { certificatePem } = await authority.certify(source.csr);
    return certificates.register(certificatePem, status);
  }
  const existing =
    source.kind === 'id' ? certificates.describe(source.certificateId) : certificates.find(source.certificatePem);
  if (!existing && source.kind === 'pem') return registerIssued(registry, authority, { ...source, status });
  if (!existing) throw failed('the certificate is not there');
  const { certificateId } = existing;
  // A certificate that provisioning itself has just made waits for its activation: that is no conflict.
  const waiting = existing.status === 'PENDING_ACTIVATION';
  if (existing.status !== status && overrideStatus === 'FAIL' && !waiting)
    throw conflict(`certificate ${certificateId}`);
  if (overrideStatus === 'REPLACE' || waiting) certificates.update(certificateId, status);
  return certificates.describe(certificateId);
}

function provideThing(planned: PlannedThing, registry: Registry): Thing {
  const { thingName, attributes, groups, overrideAttributes, overrideGroups } = planned;
  if (!registry.thingExists(thingName)) {
    registry.things.create(thingName, { attributes });
    for (const group of groups) registry.membership.add(thingName, group);
    return registry.things.describe(thingName);
  }
  if (overrideAttributes === 'REPLACE' || overrideAttributes === 'MERGE') {
    registry.things.update(thingName, { attributes, merge: overrideAttributes === 'MERGE' });
  }
  if (overrideGroups === 'REPLACE') {
    const { groups: present = [] } = registry.things.describe(thingName);
    for (const group of present) if (!groups.includes(group)) registry.membership.remove(thingName, group);
  }
  if (overrideGroups === 'REPLACE' || overrideGroups === 'MERGE') {
    for (const group of groups) registry.membership.add(thingName, group);
  }
  return registry.things.describe(thingName);
}

/** The policy's name. A document's "defaults to a hash of the policy document" (developer guide, "Policy resources"). */
function providePolicy(planned: PlannedPolicy, registry: Registry): string {
  if ('policyName' in planned) return planned.policyName;
  const { policyDocument } = planned;
  const name = createHash('sha256').update(policyDocument).digest('hex');
  if (!registry.policies.exists(name)) registry.policies.create(name, policyDocument);
  return name;
}

function failed(why: string): ServiceError {
  return new ServiceError('ResourceRegistrationFailureException', `The resource registration failed: ${why}`);
}

/** The guide's ResourceConflictsException is not in the service model; this is RegisterThing's word for a conflict. */
function conflict(what: string): ServiceError {
  return new ServiceError('ConflictingResourceUpdateException', `${what} exists already, and its override is FAIL`);
}

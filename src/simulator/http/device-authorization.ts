import { X509Certificate } from 'node:crypto';
import { certificateNames } from '../policy/certificate-names.ts';
import type { PolicyContext, PolicyEvaluator } from '../policy/policy-evaluator.ts';
import { thingArn } from '../policy/resources.ts';
import { ServiceError } from '../service-error.ts';

/** What the registry knows of a certificate. */
export interface CertificateFacts {
  policyDocumentsOf(certificateId: string, thingName?: string): readonly string[];
  thingsOfCertificate(certificateId: string): readonly string[];
}

export interface DeviceAuthorization {
  readonly registry: CertificateFacts;
  /** `arn:aws:iot:<region>:<account>` */
  readonly arnPrefix: string;
  readonly policies: PolicyEvaluator;
  /** The certificate in PEM, for policies that name its subject or issuer. Absent: those match nothing. */
  certificatePemOf?(certificateId: string): string | undefined;
}

/**
 * The developer guide writes the actions of the Jobs data plane with either prefix: `iotjobsdata:` (AWS IoT jobs data
 * plane policies) and `iot:` (AWS IoT Core policy actions), both on the thing.
 */
const PREFIXES = ['iotjobsdata', 'iot'];

/**
 * Whether a device may call an operation of the Jobs data plane for a thing: an Allow under either name is enough, a Deny
 * under either is enough too.
 * @throws ServiceError ForbiddenException, which only AWS's HTTP answers have
 */
export function authorizeDevice(
  { registry, arnPrefix, policies, certificatePemOf }: DeviceAuthorization,
  certificateId: string,
  operationName: string,
  thingName: string,
): void {
  const pem = certificatePemOf?.(certificateId);
  const context: PolicyContext = {
    certificateId,
    attachedThings: registry.thingsOfCertificate(certificateId),
    ...(pem !== undefined && certificateNames(new X509Certificate(pem))),
  };
  // Without a thing's name, so without the policies of its groups: "For the policy to take effect, the clientId and the
  // thing name must match" (AWS IoT Core policies), and over HTTPS there is no client id.
  const documents = registry.policyDocumentsOf(certificateId);
  const resource = thingArn(arnPrefix, thingName);
  const decisions = PREFIXES.map((prefix) =>
    policies.decide(documents, { action: `${prefix}:${operationName}`, resource }, context),
  );
  if (decisions.includes('ALLOWED') && !decisions.includes('EXPLICIT_DENY')) return;
  throw new ServiceError(
    'ForbiddenException',
    `The certificate's policies do not allow ${operationName} on ${resource}`,
  );
}

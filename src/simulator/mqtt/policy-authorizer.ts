import { X509Certificate } from 'node:crypto';
import { certificateNames } from '../policy/certificate-names.ts';
import type { PolicyContext, PolicyEvaluator, PolicyRequest } from '../policy/policy-evaluator.ts';
import { clientArn, topicArn, topicFilterArn } from '../policy/resources.ts';
import type { Authorizer, ConnectFeatures, Session } from './authorizer.ts';

/** What the registry knows of a certificate and of a thing. */
export interface PolicySource {
  policyDocumentsOf(certificateId: string, thingName?: string): readonly string[];
  thingsOfCertificate(certificateId: string): readonly string[];
  certificatePemOf(certificateId: string): string | undefined;
  attributesOf(thingName: string): Readonly<Record<string, string>>;
}

/**
 * Decides by the policies attached to the certificate, and to the groups of the thing whose name is the client id: "For
 * the policy to take effect, the clientId and the thing name must match" (developer guide, "AWS IoT Core policies"). A
 * change of a policy is in force at once; AWS takes minutes.
 */
export class PolicyAuthorizer implements Authorizer {
  readonly #policies: PolicyEvaluator;
  readonly #source: PolicySource;
  readonly #arnPrefix: string;
  /** Subject and issuer of the certificate, once for each session. */
  readonly #names = new WeakMap<Session, ReturnType<typeof certificateNames> | undefined>();

  /** `arnPrefix`: `arn:aws:iot:<region>:<account>`. */
  constructor(options: { policies: PolicyEvaluator; source: PolicySource; arnPrefix: string }) {
    this.#policies = options.policies;
    this.#source = options.source;
    this.#arnPrefix = options.arnPrefix;
  }

  connect(session: Session, { persistent, willTopic }: ConnectFeatures): boolean {
    const attributes = [...(persistent ? ['PersistentConnect'] : []), ...(willTopic === undefined ? [] : ['LastWill'])];
    return this.#isAllowed(session, {
      action: 'iot:Connect',
      resource: clientArn(this.#arnPrefix, session.clientId),
      conditions: {
        'iot:ConnectAttributes': attributes,
        ...(willTopic === undefined ? {} : { 'iot:LastWillTopic': topicArn(this.#arnPrefix, willTopic) }),
      },
    });
  }

  publish(session: Session, topic: string, retain: boolean): boolean {
    const resource = topicArn(this.#arnPrefix, topic);
    if (!this.#isAllowed(session, { action: 'iot:Publish', resource })) return false;
    return !retain || this.#isAllowed(session, { action: 'iot:RetainPublish', resource });
  }

  subscribe(session: Session, filter: string): boolean {
    return this.#isAllowed(session, { action: 'iot:Subscribe', resource: topicFilterArn(this.#arnPrefix, filter) });
  }

  receive(session: Session, topic: string): boolean {
    return this.#isAllowed(session, { action: 'iot:Receive', resource: topicArn(this.#arnPrefix, topic) });
  }

  #isAllowed(session: Session, request: PolicyRequest): boolean {
    const { certificateId, clientId } = session;
    const attachedThings = this.#source.thingsOfCertificate(certificateId);
    const thingName = attachedThings.includes(clientId) ? clientId : undefined;
    const context: PolicyContext = {
      certificateId,
      clientId,
      attachedThings,
      ...(thingName !== undefined && { thingAttributes: this.#source.attributesOf(thingName) }),
      ...this.#namesOf(session),
    };
    return this.#policies.isAllowed(this.#source.policyDocumentsOf(certificateId, thingName), request, context);
  }

  #namesOf(session: Session): ReturnType<typeof certificateNames> | undefined {
    if (this.#names.has(session)) return this.#names.get(session);
    const pem = this.#source.certificatePemOf(session.certificateId);
    const names = pem === undefined ? undefined : certificateNames(new X509Certificate(pem));
    this.#names.set(session, names);
    return names;
  }
}

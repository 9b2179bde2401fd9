import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Collection, Store } from '../store.ts';
import { checkPolicyDocument } from './policy-document.ts';
import { alreadyExists, invalidRequest, notFound } from './refusals.ts';

/** A policy with its one version; times are epoch seconds. */
export interface Policy {
  readonly policyName: string;
  readonly policyArn: string;
  readonly policyDocument: string;
  readonly defaultVersionId: string;
  readonly creationDate: number;
  readonly lastModifiedDate: number;
  readonly generationId: string;
}

const POLICY_NAME = /^[\w+=,.@-]{1,128}$/;

/** The policies of the registry. */
export class Policies {
  readonly #policies: Collection<Policy>;
  readonly #arnPrefix: string;
  readonly #clock: Clock;

  constructor(store: Store, arnPrefix: string, clock: Clock) {
    this.#policies = store.collection<Policy>('policies');
    this.#arnPrefix = `${arnPrefix}:policy/`;
    this.#clock = clock;
  }

  exists(policyName: string): boolean {
    return this.#policies.get(policyName) !== undefined;
  }

  /** @throws ServiceError MalformedPolicyException, ResourceAlreadyExistsException */
  create(policyName: string, policyDocument: string): Policy {
    if (!POLICY_NAME.test(policyName)) throw invalidRequest(`Invalid policy name: ${JSON.stringify(policyName)}`);
    checkPolicyDocument(policyDocument);
    if (this.exists(policyName)) {
      throw alreadyExists(`Policy cannot be created - name already exists (name=${policyName})`);
    }
    const now = this.#clock.now() / 1000;
    const policy: Policy = {
      policyName,
      policyArn: this.#arnPrefix + policyName,
      policyDocument,
      defaultVersionId: '1',
      creationDate: now,
      lastModifiedDate: now,
      generationId: randomUUID(),
    };
    this.#policies.set(policyName, policy);
    return policy;
  }

  /** @throws ServiceError ResourceNotFoundException */
  get(policyName: string): Policy {
    const policy = this.#policies.get(policyName);
    if (!policy) throw notFound(`Policy not found (name=${policyName})`);
    return policy;
  }

  delete(policyName: string): void {
    this.#policies.delete(policyName);
  }
}

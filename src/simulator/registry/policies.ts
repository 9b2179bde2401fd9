import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { ServiceError } from '../service-error.ts';
import type { Collection, Store } from '../store.ts';

/** A policy with its one version; times are epoch seconds. It is kept, and not yet enforced. */
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
    this.#arnPrefix = arnPrefix;
    this.#clock = clock;
  }

  exists(policyName: string): boolean {
    return this.#policies.get(policyName) !== undefined;
  }

  create(policyName: string, policyDocument: unknown): Policy {
    if (!POLICY_NAME.test(policyName)) {
      throw new ServiceError('InvalidRequestException', `Invalid policy name: ${JSON.stringify(policyName)}`);
    }
    if (typeof policyDocument !== 'string' || !isJsonObject(policyDocument)) {
      throw new ServiceError('MalformedPolicyException', 'policyDocument: expected the JSON text of a policy');
    }
    if (this.exists(policyName)) {
      throw new ServiceError(
        'ResourceAlreadyExistsException',
        `Policy cannot be created - name already exists (name=${policyName})`,
      );
    }
    const now = this.#clock.now() / 1000;
    const policy: Policy = {
      policyName,
      policyArn: `${this.#arnPrefix}:policy/${policyName}`,
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
    if (!policy) throw new ServiceError('ResourceNotFoundException', `Policy not found (name=${policyName})`);
    return policy;
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

import { ServiceError } from '../service-error.ts';
import type { Certificates } from './certificates.ts';
import type { Policies, Policy } from './policies.ts';
import { limitExceeded } from './refusals.ts';
import type { ThingGroups } from './thing-groups.ts';

/** AWS IoT Core quotas: "Maximum number of policies that can be attached to a certificate". */
const MOST_OF_A_CERTIFICATE = 10;
/** "You can attach a maximum number of two policies to a group" (developer guide, "Static thing groups"). */
const MOST_OF_A_GROUP = 2;

/** Which policy is attached to which target: a certificate or a thing group, by ARN. */
export class PolicyAttachments {
  readonly #policies: Policies;
  readonly #certificates: Certificates;
  readonly #groups: ThingGroups;

  constructor(options: { policies: Policies; certificates: Certificates; groups: ThingGroups }) {
    this.#policies = options.policies;
    this.#certificates = options.certificates;
    this.#groups = options.groups;
  }

  /**
   * Attaching twice is no error.
   * @throws ServiceError ResourceNotFoundException, InvalidRequestException, LimitExceededException
   */
  attach(policyName: string, target: string): void {
    this.#policies.get(policyName);
    const names = this.#of(target);
    if (names.includes(policyName)) return;
    const most = this.#groups.isArn(target) ? MOST_OF_A_GROUP : MOST_OF_A_CERTIFICATE;
    if (names.length >= most) throw limitExceeded(`At most ${most} policies can be attached to ${target}`);
    this.#set(target, [...names, policyName]);
  }

  /** What is not attached is detached already: DetachPolicy knows no missing policy (service model). */
  detach(policyName: string, target: string): void {
    const names = this.#of(target);
    if (!names.includes(policyName)) return;
    this.#set(
      target,
      names.filter((name) => name !== policyName),
    );
  }

  /** The policies of a target; recursively, with those that a group has from its ancestors. */
  list(target: string, recursive: boolean): Policy[] {
    const names = new Set(this.#of(target));
    if (recursive && this.#groups.isArn(target)) {
      const { thingGroupName } = this.#groups.byArn(target);
      for (const name of this.#groups.ancestors(thingGroupName).flatMap((group) => group.policies)) names.add(name);
    }
    return [...names].map((name) => this.#policies.get(name));
  }

  /** Documents of a certificate's policies and of those of groups, each policy once. */
  documents(certificateId: string, groups: readonly string[]): string[] {
    const own = this.#certificates.get(certificateId)?.policies ?? [];
    const names = new Set([...own, ...groups.flatMap((group) => this.#groups.describe(group).policies)]);
    return [...names].map((name) => this.#policies.get(name).policyDocument);
  }

  /** @throws ServiceError ResourceNotFoundException; DeleteConflictException while it is attached to anything */
  deletePolicy(policyName: string): void {
    this.#policies.get(policyName);
    const targets = [...this.#certificates.all(), ...this.#groups.list()];
    if (targets.some(({ policies }) => policies.includes(policyName))) {
      throw new ServiceError(
        'DeleteConflictException',
        `Cannot delete the policy because it is attached to one or more targets (name=${policyName})`,
      );
    }
    this.#policies.delete(policyName);
  }

  #of(target: string): readonly string[] {
    return (this.#groups.isArn(target) ? this.#groups.byArn(target) : this.#certificates.byArn(target)).policies;
  }

  #set(target: string, names: readonly string[]): void {
    if (this.#groups.isArn(target)) this.#groups.setPolicies(this.#groups.byArn(target).thingGroupName, names);
    else this.#certificates.setPolicies(this.#certificates.byArn(target).certificateId, names);
  }
}

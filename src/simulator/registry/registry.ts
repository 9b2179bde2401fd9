import type { Clock } from '../clock.ts';
import type { Store } from '../store.ts';
import { type CertificateStatus, Certificates } from './certificates.ts';
import { claimPolicy } from './claim-policy.ts';
import { EventConfigurations } from './event-configurations.ts';
import { GroupMembership } from './group-membership.ts';
import { Policies } from './policies.ts';
import { PolicyAttachments } from './policy-attachments.ts';
import { ProvisioningTemplates } from './provisioning-templates.ts';
import { expectVersion, invalidRequest } from './refusals.ts';
import type { RegistryListener } from './registry-listener.ts';
import { Streams } from './streams.ts';
import { Tags } from './tags.ts';
import { ThingGroups } from './thing-groups.ts';
import { Things } from './things.ts';

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  readonly listener?: RegistryListener;
  /**
   * "You can't add a thing to more than one group in the same hierarchy" (developer guide, "Static thing groups"):
   * default true. False lets a thing be in two child groups of one parent.
   */
  readonly oneGroupPerHierarchy?: boolean;
}

/** The device registry of one account and region: things, groups, certificates, policies and what is attached to what. */
export class Registry {
  readonly things: Things;
  readonly groups: ThingGroups;
  readonly membership: GroupMembership;
  readonly certificates: Certificates;
  readonly policies: Policies;
  readonly attachments: PolicyAttachments;
  readonly templates: ProvisioningTemplates;
  readonly streams: Streams;
  readonly events: EventConfigurations;
  readonly tags: Tags;
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
  readonly #listener: RegistryListener | undefined;

  constructor(options: RegistryOptions) {
    const { store, clock, region, accountId, listener, oneGroupPerHierarchy = true } = options;
    const arnPrefix = `arn:aws:iot:${region}:${accountId}`;
    const things = new Things(store, arnPrefix);
    const groups = new ThingGroups(store, arnPrefix, clock);
    const certificates = new Certificates(store, arnPrefix, clock, (id) => listener?.certificateChanged(id));
    const policies = new Policies(store, arnPrefix, clock);
    this.things = things;
    this.groups = groups;
    this.membership = new GroupMembership({ things, groups, listener, oneGroupPerHierarchy });
    this.certificates = certificates;
    this.policies = policies;
    this.attachments = new PolicyAttachments({ policies, certificates, groups });
    this.templates = new ProvisioningTemplates(store, arnPrefix, clock);
    this.streams = new Streams(store, arnPrefix, clock);
    this.events = new EventConfigurations(store, clock);
    this.tags = new Tags(store);
    this.region = region;
    this.accountId = accountId;
    this.clock = clock;
    this.#listener = listener;
  }

  thingExists(thingName: string): boolean {
    return this.things.exists(thingName);
  }

  groupExists(groupName: string): boolean {
    return this.groups.exists(groupName);
  }

  groupNameById(groupId: string): string | undefined {
    return this.groups.nameById(groupId);
  }

  /** Members of the group and of its child groups. */
  thingsInGroup(groupName: string): string[] {
    return this.membership.thingsIn(groupName, true);
  }

  /** Every group that the thing is in, with all ancestors. Empty for a thing that does not exist. */
  groupsOfThing(thingName: string): string[] {
    return this.membership.groupsOf(thingName);
  }

  thingsOfCertificate(certificateId: string): string[] {
    return [...(this.certificates.get(certificateId)?.things ?? [])];
  }

  /**
   * The documents that decide what a connection with this certificate may do: of the policies attached to it, and to the
   * groups of the thing, ancestors included, when one is given.
   */
  policyDocumentsOf(certificateId: string, thingName?: string): string[] {
    const groups = thingName === undefined ? [] : this.groupsOfThing(thingName);
    const documents = this.attachments.documents(certificateId, groups);
    const claim = this.certificates.get(certificateId)?.claim;
    if (claim) documents.push(claimPolicy(this.region, this.accountId, claim.templateName));
    return documents;
  }

  certificateStatus(certificateId: string): CertificateStatus | undefined {
    return this.certificates.status(certificateId);
  }

  certificatePemOf(certificateId: string): string | undefined {
    return this.certificates.get(certificateId)?.certificatePem;
  }

  /** None for a thing that does not exist. */
  attributesOf(thingName: string): Readonly<Record<string, string>> {
    return this.things.exists(thingName) ? this.things.describe(thingName).attributes : {};
  }

  eventEnabled(type: 'JOB' | 'JOB_EXECUTION'): boolean {
    return this.events.enabled(type);
  }

  /**
   * A thing that does not exist is deleted already (DeleteThing, API reference).
   * @throws ServiceError VersionConflictException; InvalidRequestException while certificates are attached to it
   */
  deleteThing(thingName: string, expectedVersion?: number): void {
    if (!this.things.exists(thingName)) return;
    expectVersion(`thing ${thingName}`, this.things.describe(thingName).version, expectedVersion);
    if (this.certificates.principalsOf(thingName).length > 0) {
      throw invalidRequest(`Cannot delete. Thing ${thingName} is still attached to one or more principals`);
    }
    this.things.delete(thingName);
    this.#listener?.thingDeleted(thingName);
  }

  /** Its members leave it. @throws ServiceError as GroupMembership.deleteGroup */
  deleteGroup(groupName: string, expectedVersion?: number): void {
    if (!this.groups.exists(groupName)) return;
    const { thingGroupArn } = this.groups.describe(groupName);
    this.membership.deleteGroup(groupName, expectedVersion);
    this.tags.delete(thingGroupArn);
  }

  /** @throws ServiceError as PolicyAttachments.deletePolicy */
  deletePolicy(policyName: string): void {
    const { policyArn } = this.policies.get(policyName);
    this.attachments.deletePolicy(policyName);
    this.tags.delete(policyArn);
  }

  /** @throws ServiceError as PolicyAttachments.attach */
  attachPolicy(policyName: string, target: string): void {
    this.attachments.attach(policyName, target);
  }

  /**
   * Attaching twice is no error.
   * @throws ServiceError ResourceNotFoundException for either
   */
  attachThingPrincipal(thingName: string, principal: string): void {
    this.things.describe(thingName);
    const { certificateId, things = [] } = this.certificates.byArn(principal);
    if (!things.includes(thingName)) this.certificates.setThings(certificateId, [...things, thingName]);
  }

  /**
   * Both must exist; that they are not attached is no error (our decision: the API reference is silent).
   * @throws ServiceError ResourceNotFoundException for either
   */
  detachThingPrincipal(thingName: string, principal: string): void {
    this.things.describe(thingName);
    const { certificateId, things = [] } = this.certificates.byArn(principal);
    this.certificates.setThings(
      certificateId,
      things.filter((name) => name !== thingName),
    );
  }
}

import { randomUUID } from 'node:crypto';
import { THING_NAME } from '../../jobs/model.ts';
import type { Clock } from '../clock.ts';
import type { Collection, Store } from '../store.ts';
import {
  type AttributePayload,
  type Attributes,
  newAttributes,
  sameAttributes,
  updatedAttributes,
} from './attributes.ts';
import { alreadyExists, expectVersion, invalidRequest, notFound } from './refusals.ts';

/** A static thing group; the time is epoch seconds. */
export interface ThingGroup {
  readonly thingGroupName: string;
  readonly thingGroupId: string;
  readonly thingGroupArn: string;
  readonly version: number;
  readonly parentGroupName?: string;
  readonly description?: string;
  readonly attributes: Attributes;
  readonly creationDate: number;
  /** Names of the policies attached to it. */
  readonly policies: readonly string[];
}

/** What CreateThingGroup takes. */
export interface NewThingGroup {
  readonly parentGroupName?: string | undefined;
  readonly thingGroupDescription?: string | undefined;
  readonly attributePayload?: AttributePayload | undefined;
}

/** ListThingGroups' filter. */
export interface ThingGroupFilter {
  readonly parentGroup?: string | undefined;
  readonly namePrefixFilter?: string | undefined;
  readonly recursive?: boolean | undefined;
}

/** AWS IoT Device Management quotas, "thing group limits": attributes, depth of a hierarchy, direct children. */
const MOST_ATTRIBUTES = 50;
const DEEPEST = 7;
const MOST_CHILDREN = 100;
/** Service model `iot`, ThingGroupDescription; its `\p{Graph}` is, by itself, of ASCII alone. */
const DESCRIPTION = /^[\x20-\x7e]{0,2028}$/;

/** The static thing groups of the registry and their hierarchy. Who is in them is told by the things. */
export class ThingGroups {
  readonly #groups: Collection<ThingGroup>;
  readonly #arnPrefix: string;
  readonly #clock: Clock;

  constructor(store: Store, arnPrefix: string, clock: Clock) {
    this.#groups = store.collection<ThingGroup>('thingGroups');
    this.#arnPrefix = `${arnPrefix}:thinggroup/`;
    this.#clock = clock;
  }

  exists(groupName: string): boolean {
    return this.#groups.get(groupName) !== undefined;
  }

  /** "If the ThingGroup that you create has the exact same attributes as an existing ThingGroup", it is that one. */
  create(groupName: string, wanted: NewThingGroup = {}): ThingGroup {
    if (!THING_NAME.test(groupName)) throw invalidRequest(`Invalid thing group name: ${JSON.stringify(groupName)}`);
    const { parentGroupName, thingGroupDescription: description } = wanted;
    checkDescription(description);
    const attributes = newAttributes(wanted.attributePayload, MOST_ATTRIBUTES);
    const existing = this.#groups.get(groupName);
    if (existing) {
      const same =
        existing.parentGroupName === parentGroupName &&
        existing.description === description &&
        sameAttributes(existing.attributes, attributes);
      if (same) return existing;
      // The service's own words, as quoted in moto's pull request 5316.
      throw alreadyExists(`Thing Group ${groupName} already exists in current account with different properties`);
    }
    if (parentGroupName !== undefined) this.#checkParent(parentGroupName);
    const group: ThingGroup = {
      thingGroupName: groupName,
      thingGroupId: randomUUID(),
      thingGroupArn: this.#arnPrefix + groupName,
      version: 1,
      attributes,
      creationDate: this.#clock.now() / 1000,
      policies: [],
      ...(parentGroupName !== undefined && { parentGroupName }),
      ...(description !== undefined && { description }),
    };
    this.#groups.set(groupName, group);
    return group;
  }

  /** CreateThingGroup has no ResourceNotFoundException (service model): an unknown parent is an invalid request. */
  #checkParent(parentGroupName: string): void {
    if (!this.exists(parentGroupName)) throw invalidRequest(`Parent group ${parentGroupName} does not exist`);
    if (this.ancestors(parentGroupName).length + 2 > DEEPEST) {
      throw invalidRequest(`A hierarchy of thing groups can be at most ${DEEPEST} groups deep`);
    }
    if (this.children(parentGroupName).length >= MOST_CHILDREN) {
      throw invalidRequest(`A thing group can have at most ${MOST_CHILDREN} direct child groups`);
    }
  }

  /** @throws ServiceError ResourceNotFoundException */
  describe(groupName: string): ThingGroup {
    const group = this.#groups.get(groupName);
    if (!group) throw notFound(`Thing group ${groupName} not found.`);
    return group;
  }

  isArn(arn: string): boolean {
    return arn.startsWith(this.#arnPrefix);
  }

  /** @throws ServiceError ResourceNotFoundException, InvalidRequestException for an ARN that is no group's */
  byArn(arn: string): ThingGroup {
    if (!this.isArn(arn)) throw invalidRequest(`Not a thing group ARN of this account: ${JSON.stringify(arn)}`);
    return this.describe(arn.slice(this.#arnPrefix.length));
  }

  /** The groups above it, the root first. */
  ancestors(groupName: string): ThingGroup[] {
    const above: ThingGroup[] = [];
    let group = this.#groups.get(groupName);
    while (group?.parentGroupName !== undefined) {
      group = this.#groups.get(group.parentGroupName);
      if (group) above.unshift(group);
    }
    return above;
  }

  children(groupName: string): ThingGroup[] {
    return [...this.#groups.values()].filter((group) => group.parentGroupName === groupName);
  }

  /** @throws ServiceError ResourceNotFoundException for a parent that does not exist */
  list(filter: ThingGroupFilter = {}): ThingGroup[] {
    const { parentGroup, namePrefixFilter = '', recursive } = filter;
    if (parentGroup !== undefined) this.describe(parentGroup);
    return [...this.#groups.values()].filter((group) => {
      if (!group.thingGroupName.startsWith(namePrefixFilter)) return false;
      if (parentGroup === undefined) {
        // Without the flag the guide's example lists all groups; with false, only the roots: our reading of "If true,
        // return child groups as well" (API reference).
        return recursive !== false || group.parentGroupName === undefined;
      }
      if (!recursive) return group.parentGroupName === parentGroup;
      return this.ancestors(group.thingGroupName).some((above) => above.thingGroupName === parentGroup);
    });
  }

  /**
   * UpdateThingGroup: what is not given stays. Returns the new version.
   * @throws ServiceError ResourceNotFoundException, VersionConflictException
   */
  update(groupName: string, changes: Omit<NewThingGroup, 'parentGroupName'>, expectedVersion?: number): number {
    const group = this.describe(groupName);
    expectVersion(`thing group ${groupName}`, group.version, expectedVersion);
    const { thingGroupDescription: description, attributePayload } = changes;
    checkDescription(description);
    const attributes = updatedAttributes(group.attributes, attributePayload, MOST_ATTRIBUTES);
    const version = group.version + 1;
    this.#groups.set(groupName, { ...group, attributes, version, ...(description !== undefined && { description }) });
    return version;
  }

  /** The name of the group with this id. */
  nameById(groupId: string): string | undefined {
    return [...this.#groups.values()].find(({ thingGroupId }) => thingGroupId === groupId)?.thingGroupName;
  }

  setPolicies(groupName: string, policies: readonly string[]): void {
    this.#groups.set(groupName, { ...this.describe(groupName), policies });
  }

  /** A group with child groups stays (developer guide, "Delete a thing group", whose words these are). */
  delete(groupName: string, expectedVersion?: number): void {
    const group = this.#groups.get(groupName);
    if (!group) return;
    expectVersion(`thing group ${groupName}`, group.version, expectedVersion);
    if (this.children(groupName).length > 0) {
      throw invalidRequest(
        `Cannot delete thing group : ${groupName} when there are still child groups attached to it.`,
      );
    }
    this.#groups.delete(groupName);
  }
}

function checkDescription(description: string | undefined): void {
  if (description === undefined || DESCRIPTION.test(description)) return;
  throw invalidRequest('thingGroupDescription: expected at most 2028 printable characters');
}

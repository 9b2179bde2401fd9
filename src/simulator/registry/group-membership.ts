import { invalidRequest } from './refusals.ts';
import type { RegistryListener } from './registry-listener.ts';
import type { ThingGroups } from './thing-groups.ts';
import type { Things } from './things.ts';

export interface GroupMembershipOptions {
  readonly things: Things;
  readonly groups: ThingGroups;
  readonly listener: RegistryListener | undefined;
  readonly oneGroupPerHierarchy: boolean;
}

/** "You can add a thing to a maximum of 10 groups" (developer guide, "Static thing groups"). */
const MOST_GROUPS = 10;

/** Which thing is in which group. A group's members are those of its child groups too. */
export class GroupMembership {
  readonly #things: Things;
  readonly #groups: ThingGroups;
  readonly #listener: RegistryListener | undefined;
  readonly #oneGroupPerHierarchy: boolean;

  constructor(options: GroupMembershipOptions) {
    this.#things = options.things;
    this.#groups = options.groups;
    this.#listener = options.listener;
    this.#oneGroupPerHierarchy = options.oneGroupPerHierarchy;
  }

  /** The members of a group, in the order in which the things were made. */
  thingsIn(groupName: string, recursive: boolean): string[] {
    const isMember = (thingName: string, direct: readonly string[]): boolean =>
      recursive ? this.groupsOf(thingName).includes(groupName) : direct.includes(groupName);
    return this.#things
      .list()
      .filter(({ thingName, groups = [] }) => isMember(thingName, groups))
      .map(({ thingName }) => thingName);
  }

  /** Every group that the thing is in, each after its ancestors and once. Empty for a thing that does not exist. */
  groupsOf(thingName: string): string[] {
    const direct = this.#things.exists(thingName) ? (this.#things.describe(thingName).groups ?? []) : [];
    const above = (group: string) => this.#groups.ancestors(group).map((ancestor) => ancestor.thingGroupName);
    return [...new Set(direct.flatMap((group) => [...above(group), group]))];
  }

  /**
   * Adding again is no error (our decision: the API reference is silent).
   * @throws ServiceError ResourceNotFoundException, InvalidRequestException
   */
  add(thingName: string, groupName: string): void {
    const { groups = [] } = this.#things.describe(thingName);
    this.#groups.describe(groupName);
    if (groups.includes(groupName)) return;
    if (groups.length >= MOST_GROUPS) throw invalidRequest(`A thing can be in at most ${MOST_GROUPS} thing groups`);
    const root = this.#root(groupName);
    const related = groups.find((other) => this.#root(other) === root);
    if (this.#oneGroupPerHierarchy && related !== undefined) {
      throw invalidRequest(
        `Thing ${thingName} is in ${related} already, which is of the same hierarchy as ${groupName}`,
      );
    }
    this.#change(thingName, [...groups, groupName]);
  }

  /**
   * A thing that is not in the group has left it already (our decision: the API reference is silent).
   * @throws ServiceError ResourceNotFoundException
   */
  remove(thingName: string, groupName: string): void {
    const { groups = [] } = this.#things.describe(thingName);
    this.#groups.describe(groupName);
    if (groups.includes(groupName)) this.#change(thingName, without(groups, groupName));
  }

  /**
   * "You can delete a group that has child things" (developer guide, "Delete a thing group"): they leave it.
   * @throws ServiceError VersionConflictException; InvalidRequestException while it has child groups
   */
  deleteGroup(groupName: string, expectedVersion?: number): void {
    const members = this.thingsIn(groupName, false).map((name) => ({ name, before: this.groupsOf(name) }));
    this.#groups.delete(groupName, expectedVersion);
    for (const { name } of members) {
      this.#things.setGroups(name, without(this.#things.describe(name).groups ?? [], groupName));
    }
    for (const { name, before } of members) this.#tell(name, before);
  }

  #change(thingName: string, groups: readonly string[]): void {
    const before = this.groupsOf(thingName);
    this.#things.setGroups(thingName, groups);
    this.#tell(thingName, before);
  }

  #tell(thingName: string, before: readonly string[]): void {
    const after = this.groupsOf(thingName);
    for (const group of before) if (!after.includes(group)) this.#listener?.thingLeft(thingName, group);
    for (const group of after) if (!before.includes(group)) this.#listener?.thingJoined(thingName, group, before);
  }

  #root(groupName: string): string {
    return this.#groups.ancestors(groupName)[0]?.thingGroupName ?? groupName;
  }
}

function without(names: readonly string[], name: string): string[] {
  return names.filter((other) => other !== name);
}

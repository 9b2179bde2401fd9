import { ServiceError } from '../service-error.ts';
import { invalid, list } from './validation.ts';

/** What the jobs service has to know of the registry. */
export interface ThingDirectory {
  thingExists(thingName: string): boolean;
  groupExists(groupName: string): boolean;
  groupNameById(groupId: string): string | undefined;
  /** Members of child groups included. */
  thingsInGroup(groupName: string): readonly string[];
  /** Parents of its groups included. */
  groupsOfThing(thingName: string): readonly string[];
  eventEnabled(type: 'JOB' | 'JOB_EXECUTION'): boolean;
}

/** API reference, CreateJob and AssociateTargetsWithJob: of one job, in all. */
export const MOST_TARGETS = 100;

/** A job's targets: ARNs of things and of thing groups. */
export class JobTargets {
  readonly #directory: ThingDirectory;
  readonly #thingPrefix: string;
  readonly #groupPrefix: string;

  constructor(directory: ThingDirectory, arnPrefix: string) {
    this.#directory = directory;
    this.#thingPrefix = `${arnPrefix}:thing/`;
    this.#groupPrefix = `${arnPrefix}:thinggroup/`;
  }

  /** @throws ServiceError for what is no ARN of this account, or names nothing that exists */
  check(value: unknown): string[] {
    const targets = list('targets', value, 1, MOST_TARGETS).map((target) => {
      if (typeof target !== 'string') throw invalid(`targets: expected ARNs, got ${JSON.stringify(target)}`);
      const thing = this.#thing(target);
      const group = this.#group(target);
      if (thing === undefined && group === undefined) {
        const forms = `${this.#thingPrefix}<name> or ${this.#groupPrefix}<name>`;
        throw invalid(`targets: expected ${forms}, got ${JSON.stringify(target)}`);
      }
      if (thing !== undefined && !this.#directory.thingExists(thing)) {
        throw new ServiceError('ResourceNotFoundException', `Thing ${thing} does not exist`);
      }
      if (group !== undefined && !this.#directory.groupExists(group)) {
        throw new ServiceError('ResourceNotFoundException', `Thing group ${group} does not exist`);
      }
      return target;
    });
    return [...new Set(targets)];
  }

  /** Every thing that the targets name now, each once. */
  things(targets: readonly string[]): string[] {
    const things = targets.flatMap((target) => {
      const thing = this.#thing(target);
      if (thing !== undefined) return [thing];
      const group = this.#group(target);
      return group === undefined ? [] : this.#directory.thingsInGroup(group);
    });
    return [...new Set(things)].filter((thing) => this.#directory.thingExists(thing));
  }

  include(targets: readonly string[], thingName: string): boolean {
    return this.cover(targets, thingName, this.#directory.groupsOfThing(thingName));
  }

  /** Whether the thing is a target, if it is in these groups. */
  cover(targets: readonly string[], thingName: string, groups: readonly string[]): boolean {
    return targets.some(
      (target) => this.#thing(target) === thingName || groups.some((group) => this.#group(target) === group),
    );
  }

  /** The group that a list is asked for, by name or by id; undefined: none is. @throws ServiceError ResourceNotFoundException */
  groupWanted(groupName: string | undefined, groupId: string | undefined): string | undefined {
    const name = groupName ?? (groupId === undefined ? undefined : this.#directory.groupNameById(groupId));
    if (name === undefined && groupId === undefined) return undefined;
    if (name !== undefined && this.#directory.groupExists(name)) return name;
    throw new ServiceError('ResourceNotFoundException', `Thing group ${groupName ?? groupId} does not exist`);
  }

  names(targets: readonly string[], groupName: string): boolean {
    return targets.includes(`${this.#groupPrefix}${groupName}`);
  }

  arnOf(thingName: string): string {
    return `${this.#thingPrefix}${thingName}`;
  }

  #thing(target: string): string | undefined {
    return target.startsWith(this.#thingPrefix) ? target.slice(this.#thingPrefix.length) : undefined;
  }

  #group(target: string): string | undefined {
    return target.startsWith(this.#groupPrefix) ? target.slice(this.#groupPrefix.length) : undefined;
  }
}

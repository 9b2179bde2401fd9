import { Refusal } from './records.ts';

/** Things and groups, as far as jobs look at them (developer guide, Static thing groups). */
export class RegistryModel {
  /** In the order of their making, each with the groups it was put into. */
  readonly things: { readonly name: string; groups: string[] }[] = [];
  readonly #groups: { readonly name: string; readonly parent: string | undefined }[] = [];

  exists(thing: string): boolean {
    return this.things.some(({ name }) => name === thing);
  }

  createThing(name: string): void {
    if (!this.exists(name)) this.things.push({ name, groups: [] });
  }

  /** Whether there was such a thing. */
  deleteThing(thing: string): boolean {
    const index = this.things.findIndex(({ name }) => name === thing);
    if (index >= 0) this.things.splice(index, 1);
    return index >= 0;
  }

  createGroup(name: string, parent: string | undefined): void {
    const existing = this.#groups.find((group) => group.name === name);
    if (existing && existing.parent !== parent) throw new Refusal('ResourceAlreadyExistsException');
    if (existing) return;
    if (parent !== undefined && !this.#hasGroup(parent)) throw new Refusal('InvalidRequestException');
    this.#groups.push({ name, parent });
  }

  /** A thing is in one group of a hierarchy at most. */
  join(thing: string, group: string): void {
    const { groups } = this.#require(thing, group);
    if (groups.includes(group)) return;
    if (groups.some((other) => this.#line(other)[0] === this.#line(group)[0])) {
      throw new Refusal('InvalidRequestException');
    }
    groups.push(group);
  }

  leave(thing: string, group: string): void {
    const member = this.#require(thing, group);
    member.groups = member.groups.filter((other) => other !== group);
  }

  checkTargets(targets: readonly string[]): void {
    for (const target of targets) {
      const found = target.startsWith('@') ? this.#hasGroup(target.slice(1)) : this.exists(target);
      if (!found) throw new Refusal('ResourceNotFoundException');
    }
  }

  /** The things that targets name, each once, in the order of the targets. */
  thingsOf(targets: readonly string[]): string[] {
    const named = targets.flatMap((target) =>
      this.things.map(({ name }) => name).filter((name) => this.isTarget(name, [target])),
    );
    return [...new Set(named)];
  }

  /** Members of child groups are members. */
  isTarget(thing: string, targets: readonly string[]): boolean {
    return [thing, ...this.groupsOf(thing).map((group) => `@${group}`)].some((name) => targets.includes(name));
  }

  groupsOf(thing: string): string[] {
    return this.things.find(({ name }) => name === thing)?.groups.flatMap((group) => this.#line(group)) ?? [];
  }

  /** From the root of the hierarchy down to the group. */
  #line(group: string): string[] {
    const parent = this.#groups.find(({ name }) => name === group)?.parent;
    return parent === undefined ? [group] : [...this.#line(parent), group];
  }

  #hasGroup(group: string): boolean {
    return this.#groups.some(({ name }) => name === group);
  }

  #require(thing: string, group: string): { groups: string[] } {
    const found = this.things.find(({ name }) => name === thing);
    if (!found || !this.#hasGroup(group)) throw new Refusal('ResourceNotFoundException');
    return found;
  }
}

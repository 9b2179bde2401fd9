import { afterEach, expect, test } from 'vitest';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';
import { Registry } from '../../../src/simulator/registry/registry.ts';
import { Store } from '../../../src/simulator/store.ts';

const clock = new MovableClock();

afterEach(() => clock.stop());

/** A registry with the groups root, a and b below it, and deep below a; and what it tells its listener. */
function registryWithGroups(options: { oneGroupPerHierarchy?: boolean; store?: Store } = {}) {
  const told: string[] = [];
  const registry: Registry = new Registry({
    ...{ store: new Store(':memory:'), clock, region: 'us-east-1', accountId: '123456789012', ...options },
    listener: {
      // What is told has happened already.
      thingJoined: (thing, group) => told.push(`${thing} joined ${group} ${registry.thingsInGroup(group).length}`),
      thingLeft: (thing, group) => told.push(`${thing} left ${group} ${registry.thingsInGroup(group).length}`),
      thingDeleted: (thing) => told.push(`${thing} deleted ${registry.thingExists(thing)}`),
      certificateChanged: (id) => told.push(`${id} changed`),
    },
  });
  registry.groups.create('root');
  registry.groups.create('a', { parentGroupName: 'root' });
  registry.groups.create('b', { parentGroupName: 'root' });
  registry.groups.create('deep', { parentGroupName: 'a' });
  registry.groups.create('single');
  registry.things.create('t');
  return { registry, told };
}

test('a thing joins and leaves the ancestors of its group as well, each once', () => {
  const { registry, told } = registryWithGroups();
  registry.membership.add('t', 'deep');
  expect(told.splice(0)).toEqual(['t joined root 1', 't joined a 1', 't joined deep 1']);
  expect(registry.groupsOfThing('t')).toEqual(['root', 'a', 'deep']);
  registry.membership.add('t', 'deep');
  registry.membership.add('t', 'single');
  expect(told.splice(0)).toEqual(['t joined single 1']);
  registry.membership.remove('t', 'deep');
  expect(told.splice(0)).toEqual(['t left root 0', 't left a 0', 't left deep 0']);
  registry.membership.remove('t', 'deep');
  expect(told).toEqual([]);
});

test('a thing in two child groups of one parent leaves the parent with the last of them', () => {
  const { registry, told } = registryWithGroups({ oneGroupPerHierarchy: false });
  registry.membership.add('t', 'deep');
  registry.membership.add('t', 'b');
  expect(told.splice(0).slice(3)).toEqual(['t joined b 1']);
  expect(registry.thingsInGroup('root')).toEqual(['t']);
  registry.membership.remove('t', 'deep');
  expect(told.splice(0)).toEqual(['t left a 0', 't left deep 0']);
  registry.membership.remove('t', 'b');
  expect(told).toEqual(['t left root 0', 't left b 0']);
});

test('the members of a deleted group leave it', () => {
  const { registry, told } = registryWithGroups();
  registry.things.create('u');
  registry.membership.add('t', 'deep');
  registry.membership.add('u', 'b');
  told.splice(0);
  registry.deleteGroup('deep');
  expect(told).toEqual(['t left root 1', 't left a 0', 't left deep 0']);
  expect(registry.groupsOfThing('t')).toEqual([]);
});

test('a group that is not deleted keeps its members', () => {
  const { registry, told } = registryWithGroups();
  registry.membership.add('t', 'a');
  told.splice(0);
  expect(() => registry.deleteGroup('a')).toThrow('child groups');
  expect(() => registry.deleteGroup('deep', 2)).toThrow('expected version');
  expect(registry.thingsInGroup('root')).toEqual(['t']);
  expect(told).toEqual([]);
});

test('a deleted thing is told of once it is gone, from its groups too', () => {
  const { registry, told } = registryWithGroups();
  registry.membership.add('t', 'a');
  told.splice(0);
  registry.deleteThing('t');
  expect(told).toEqual(['t deleted false']);
  expect(registry.thingsInGroup('root')).toEqual([]);
  registry.things.create('t');
  expect(registry.groupsOfThing('t')).toEqual([]);
});

test('groups, members and attachments are there after a restart', () => {
  const store = new Store(':memory:');
  const { registry } = registryWithGroups({ store });
  registry.membership.add('t', 'deep');
  const again = new Registry({ store, clock, region: 'us-east-1', accountId: '123456789012' });
  expect(again.thingsInGroup('root')).toEqual(['t']);
  expect(again.groupExists('single')).toBe(true);
});

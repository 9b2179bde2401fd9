import * as v from 'valibot';
import { page } from '../page.ts';
import { invalidRequest } from '../registry/refusals.ts';
import type { Registry } from '../registry/registry.ts';
import { checkTags } from '../registry/tags.ts';
import type { ThingGroup } from '../registry/thing-groups.ts';
import { flag, type Handlers, PAGE, param, wholeNumber } from './call.ts';
import { operation } from './checked-operation.ts';
import { ATTRIBUTE_PAYLOAD, TAGS, TEXT } from './shapes.ts';

/** A thing and a group, each by name or by ARN. */
const MEMBER = {
  thingName: v.optional(TEXT),
  thingArn: v.optional(TEXT),
  thingGroupName: v.optional(TEXT),
  thingGroupArn: v.optional(TEXT),
};

const PROPERTIES = v.strictObject({
  thingGroupDescription: v.optional(v.string()),
  attributePayload: v.optional(ATTRIBUTE_PAYLOAD),
});

/** Static thing groups and their members (AWS IoT API reference). Dynamic groups are not simulated. */
export function thingGroupOperations(registry: Registry): Handlers {
  const { things, groups, membership, tags } = registry;

  function memberOf(given: { [name in keyof typeof MEMBER]?: string | undefined }): [string, string] {
    const byThingArn = given.thingArn === undefined ? undefined : things.byArn(given.thingArn).thingName;
    const byGroupArn = given.thingGroupArn === undefined ? undefined : groups.byArn(given.thingGroupArn).thingGroupName;
    return [either('thing', given.thingName, byThingArn), either('thingGroup', given.thingGroupName, byGroupArn)];
  }

  return {
    CreateThingGroup: operation(
      {
        body: {
          parentGroupName: v.optional(TEXT),
          thingGroupProperties: v.optional(PROPERTIES),
          tags: v.optional(TAGS),
        },
      },
      (call, { parentGroupName, thingGroupProperties, tags: wanted }) => {
        checkTags(wanted);
        const name = param(call, 'thingGroupName');
        const isNew = !groups.exists(name);
        const group = groups.create(name, { parentGroupName, ...thingGroupProperties });
        // A group that was there keeps its tags.
        if (isNew) tags.set(group.thingGroupArn, wanted);
        const { thingGroupName, thingGroupArn, thingGroupId } = group;
        return { thingGroupName, thingGroupArn, thingGroupId };
      },
    ),
    DescribeThingGroup: operation({}, (call) => {
      const group = groups.describe(param(call, 'thingGroupName'));
      const { thingGroupName, thingGroupId, thingGroupArn, version, description, attributes } = group;
      const above = groups.ancestors(thingGroupName);
      return {
        thingGroupName,
        thingGroupId,
        thingGroupArn,
        version,
        thingGroupProperties: { thingGroupDescription: description, attributePayload: { attributes } },
        thingGroupMetadata: {
          parentGroupName: group.parentGroupName,
          rootToParentThingGroups: above.length > 0 ? above.map(nameAndArn) : undefined,
          creationDate: group.creationDate,
        },
      };
    }),
    UpdateThingGroup: operation(
      { body: { thingGroupProperties: PROPERTIES, expectedVersion: v.optional(v.pipe(v.number(), v.integer())) } },
      (call, { thingGroupProperties, expectedVersion }) => ({
        version: groups.update(param(call, 'thingGroupName'), thingGroupProperties, expectedVersion),
      }),
    ),
    DeleteThingGroup: operation({ query: ['expectedVersion'] }, (call) =>
      registry.deleteGroup(param(call, 'thingGroupName'), wholeNumber(call, 'expectedVersion')),
    ),
    ListThingGroups: operation({ query: [...PAGE, 'parentGroup', 'namePrefixFilter', 'recursive'] }, (call) => {
      const { parentGroup, namePrefixFilter, recursive } = call.query;
      const filter = {
        parentGroup,
        namePrefixFilter,
        recursive: recursive === undefined ? undefined : flag(call, 'recursive'),
      };
      return namesAndArns(page(call.query, groups.list(filter), ({ thingGroupName }) => thingGroupName));
    }),
    AddThingToThingGroup: operation(
      // There are no dynamic groups that could be overridden.
      { body: { ...MEMBER, overrideDynamicGroups: v.optional(v.boolean()) } },
      (_call, given) => membership.add(...memberOf(given)),
    ),
    RemoveThingFromThingGroup: operation({ body: MEMBER }, (_call, given) => membership.remove(...memberOf(given))),
    UpdateThingGroupsForThing: operation(
      {
        body: {
          thingName: TEXT,
          thingGroupsToAdd: v.optional(v.array(TEXT), []),
          thingGroupsToRemove: v.optional(v.array(TEXT), []),
          overrideDynamicGroups: v.optional(v.boolean()),
        },
      },
      (_call, { thingName, thingGroupsToAdd, thingGroupsToRemove }) => {
        // All must exist before any of them is changed. Out of the old ones first: a thing is in one group of a hierarchy.
        for (const name of [...thingGroupsToRemove, ...thingGroupsToAdd]) groups.describe(name);
        for (const name of thingGroupsToRemove) membership.remove(thingName, name);
        for (const name of thingGroupsToAdd) membership.add(thingName, name);
      },
    ),
    ListThingsInThingGroup: operation({ query: [...PAGE, 'recursive'] }, (call) => {
      const { thingGroupName } = groups.describe(param(call, 'thingGroupName'));
      const members = membership.thingsIn(thingGroupName, flag(call, 'recursive'));
      const { items, ...rest } = page(call.query, members, (name) => name);
      return { things: items, ...rest };
    }),
    // "The thing groups this thing belongs to, including any parent groups" (developer guide, "Static thing groups").
    ListThingGroupsForThing: operation({ query: PAGE }, (call) => {
      const { thingName } = things.describe(param(call, 'thingName'));
      const found = membership.groupsOf(thingName).map((name) => groups.describe(name));
      return namesAndArns(page(call.query, found, ({ thingGroupName }) => thingGroupName));
    }),
  };
}

function either(what: string, name: string | undefined, byArn: string | undefined): string {
  const found = name ?? byArn;
  if (found === undefined) throw invalidRequest(`expected ${what}Name or ${what}Arn`);
  if (byArn !== undefined && byArn !== found) throw invalidRequest(`${what}Name and ${what}Arn name two of them`);
  return found;
}

function nameAndArn({ thingGroupName, thingGroupArn }: ThingGroup) {
  return { groupName: thingGroupName, groupArn: thingGroupArn };
}

function namesAndArns({ items, ...rest }: { items: ThingGroup[]; nextToken?: string }) {
  return { thingGroups: items.map(nameAndArn), ...rest };
}

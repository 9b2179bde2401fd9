import * as v from 'valibot';
import { page } from '../page.ts';
import { invalidRequest } from '../registry/refusals.ts';
import type { Registry } from '../registry/registry.ts';
import { flag, type Handlers, PAGE, param, wholeNumber } from './call.ts';
import { operation } from './checked-operation.ts';
import { ATTRIBUTE_PAYLOAD } from './shapes.ts';

/** Things (AWS IoT API reference). Thing types and billing groups are not simulated. */
export function thingOperations(registry: Registry): Handlers {
  const { things } = registry;
  return {
    CreateThing: operation(
      {
        body: { attributePayload: v.optional(ATTRIBUTE_PAYLOAD) },
        notSimulated: ['thingTypeName', 'billingGroupName'],
      },
      (call, { attributePayload }) => {
        const { thingName, thingArn, thingId } = things.create(param(call, 'thingName'), attributePayload);
        return { thingName, thingArn, thingId };
      },
    ),
    DescribeThing: operation({}, (call) => {
      const { thingName, thingId, thingArn, attributes, version } = things.describe(param(call, 'thingName'));
      return { defaultClientId: thingName, thingName, thingId, thingArn, attributes, version };
    }),
    UpdateThing: operation(
      {
        body: {
          attributePayload: v.optional(ATTRIBUTE_PAYLOAD),
          expectedVersion: v.optional(v.pipe(v.number(), v.integer())),
          // No thing has a type, so whoever removes it finds it removed.
          removeThingType: v.optional(v.boolean()),
        },
        notSimulated: ['thingTypeName'],
      },
      (call, { attributePayload, expectedVersion }) =>
        things.update(param(call, 'thingName'), attributePayload, expectedVersion),
    ),
    DeleteThing: operation({ query: ['expectedVersion'] }, (call) =>
      registry.deleteThing(param(call, 'thingName'), wholeNumber(call, 'expectedVersion')),
    ),
    ListThings: operation(
      { query: [...PAGE, 'attributeName', 'attributeValue', 'usePrefixAttributeValue', 'thingTypeName'] },
      (call) => {
        const { attributeName, attributeValue, thingTypeName } = call.query;
        if (attributeValue !== undefined && attributeName === undefined) {
          throw invalidRequest('attributeValue: expected an attributeName too');
        }
        const usePrefixAttributeValue = flag(call, 'usePrefixAttributeValue');
        const filter = { attributeName, attributeValue, usePrefixAttributeValue };
        // No thing has a type.
        const found = thingTypeName === undefined ? things.list(filter) : [];
        const { items, ...rest } = page(call.query, found, (thing) => thing.thingName);
        return {
          things: items.map(({ thingName, thingArn, attributes, version }) => ({
            thingName,
            thingArn,
            attributes,
            version,
          })),
          ...rest,
        };
      },
    ),
  };
}

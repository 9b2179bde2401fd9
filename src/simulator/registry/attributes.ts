import { invalidRequest } from './refusals.ts';

/** Attributes of a thing or a thing group. */
export type Attributes = Readonly<Record<string, string>>;

/** What CreateThing, UpdateThing and CreateThingGroup take (service model `iot`, AttributePayload). */
export interface AttributePayload {
  readonly attributes?: Attributes | undefined;
  /** Only for updates: the attributes given are added to those that are there, instead of replacing them. */
  readonly merge?: boolean | undefined;
}

/** Service model `iot`: AttributeName and AttributeValue. */
const NAME = /^[a-zA-Z0-9_.,@/:#-]{1,128}$/;
const VALUE = /^[a-zA-Z0-9_.,@/:#=[\]-]{0,800}$/;

/**
 * The attributes of something new. An empty value is no attribute, as in an update.
 * @throws ServiceError InvalidRequestException
 */
export function newAttributes(payload: AttributePayload | undefined, most: number): Attributes {
  // "The merge attribute is only valid when calling UpdateThing" (API reference, AttributePayload).
  if (payload?.merge) throw invalidRequest('attributePayload.merge: only an update can merge');
  return updatedAttributes({}, payload, most);
}

/**
 * The attributes after an update.
 * @throws ServiceError InvalidRequestException
 */
export function updatedAttributes(
  present: Attributes,
  payload: AttributePayload | undefined,
  most: number,
): Attributes {
  if (!payload?.attributes) return present;
  const entries = Object.entries(payload.attributes);
  for (const [name, value] of entries) {
    if (!NAME.test(name)) throw invalidRequest(`Invalid attribute name: ${JSON.stringify(name)}`);
    if (!VALUE.test(value)) throw invalidRequest(`Invalid value of attribute ${name}: ${JSON.stringify(value)}`);
  }
  const merged = [...(payload.merge ? Object.entries(present) : []), ...entries];
  // "To remove an attribute, call UpdateThing with an empty attribute value" (API reference, AttributePayload).
  const kept = [...new Map(merged)].filter(([, value]) => value !== '');
  if (kept.length > most) throw invalidRequest(`There can be at most ${most} attributes, not ${kept.length}`);
  return Object.fromEntries(kept);
}

/** Whether both have the same names and values, in any order. */
export function sameAttributes(left: Attributes, right: Attributes): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

import { randomUUID } from 'node:crypto';
import { THING_NAME } from '../../jobs/model.ts';
import type { Collection, Store } from '../store.ts';
import {
  type AttributePayload,
  type Attributes,
  newAttributes,
  sameAttributes,
  updatedAttributes,
} from './attributes.ts';
import { alreadyExists, expectVersion, invalidRequest, notFound } from './refusals.ts';

/** A thing of the registry. */
export interface Thing {
  readonly thingName: string;
  readonly thingId: string;
  readonly thingArn: string;
  readonly attributes: Attributes;
  readonly version: number;
  /** The groups it was added to, without their ancestors; absent: none. */
  readonly groups?: readonly string[];
}

/** ListThings' filter; a field that is absent filters nothing. */
export interface ThingFilter {
  readonly attributeName?: string | undefined;
  readonly attributeValue?: string | undefined;
  readonly usePrefixAttributeValue?: boolean | undefined;
}

/** "The attribute payload, which consists of up to three name/value pairs" (CreateThing); more needs a thing type. */
const MOST_ATTRIBUTES = 3;

/** The things of the registry. */
export class Things {
  readonly #things: Collection<Thing>;
  readonly #arnPrefix: string;

  constructor(store: Store, arnPrefix: string) {
    this.#things = store.collection<Thing>('things');
    this.#arnPrefix = `${arnPrefix}:thing/`;
  }

  exists(thingName: string): boolean {
    return this.#things.get(thingName) !== undefined;
  }

  /** The same thing again is answered with the existing one, a different one with 409 (CreateThing, API reference). */
  create(thingName: string, payload?: AttributePayload): Thing {
    if (!THING_NAME.test(thingName)) throw invalidRequest(`Invalid thing name: ${JSON.stringify(thingName)}`);
    const attributes = newAttributes(payload, MOST_ATTRIBUTES);
    const existing = this.#things.get(thingName);
    if (existing) {
      if (sameAttributes(existing.attributes, attributes)) return existing;
      throw alreadyExists(`Thing ${thingName} already exists in account with different tags or attributes`);
    }
    const thing: Thing = {
      thingName,
      thingId: randomUUID(),
      thingArn: this.#arnPrefix + thingName,
      attributes,
      version: 1,
    };
    this.#things.set(thingName, thing);
    return thing;
  }

  /** @throws ServiceError ResourceNotFoundException */
  describe(thingName: string): Thing {
    const thing = this.#things.get(thingName);
    if (!thing) throw notFound(`Thing ${thingName} not found.`);
    return thing;
  }

  /** @throws ServiceError ResourceNotFoundException, InvalidRequestException for an ARN that is no thing's */
  byArn(arn: string): Thing {
    if (!arn.startsWith(this.#arnPrefix))
      throw invalidRequest(`Not a thing ARN of this account: ${JSON.stringify(arn)}`);
    return this.describe(arn.slice(this.#arnPrefix.length));
  }

  list(filter: ThingFilter = {}): Thing[] {
    const { attributeName, attributeValue, usePrefixAttributeValue } = filter;
    const things = [...this.#things.values()];
    if (attributeName === undefined) return things;
    return things.filter(({ attributes }) => {
      const value = Object.hasOwn(attributes, attributeName) ? attributes[attributeName] : undefined;
      if (value === undefined) return false;
      // A name without a value asks for all things that have the attribute: our decision, the API reference is silent.
      if (attributeValue === undefined) return true;
      return usePrefixAttributeValue ? value.startsWith(attributeValue) : value === attributeValue;
    });
  }

  /** An update without attributes is counted too (our decision: no source says). */
  update(thingName: string, payload: AttributePayload | undefined, expectedVersion?: number): void {
    const thing = this.describe(thingName);
    expectVersion(`thing ${thingName}`, thing.version, expectedVersion);
    const attributes = updatedAttributes(thing.attributes, payload, MOST_ATTRIBUTES);
    this.#things.set(thingName, { ...thing, attributes, version: thing.version + 1 });
  }

  setGroups(thingName: string, groups: readonly string[]): void {
    this.#things.set(thingName, { ...this.describe(thingName), groups });
  }

  delete(thingName: string): void {
    this.#things.delete(thingName);
  }
}

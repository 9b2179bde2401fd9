import { randomUUID } from 'node:crypto';
import { THING_NAME } from '../../jobs/model.ts';
import { ServiceError } from '../service-error.ts';
import type { Collection, Store } from '../store.ts';

/** A thing of the registry. */
export interface Thing {
  readonly thingName: string;
  readonly thingId: string;
  readonly thingArn: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly version: number;
  /** ARNs of the certificates attached to it. */
  readonly principals: readonly string[];
}

/** The things of the registry and the principals attached to them. */
export class Things {
  readonly #things: Collection<Thing>;
  readonly #arnPrefix: string;

  constructor(store: Store, arnPrefix: string) {
    this.#things = store.collection<Thing>('things');
    this.#arnPrefix = arnPrefix;
  }

  exists(thingName: string): boolean {
    return this.#things.get(thingName) !== undefined;
  }

  /** The same thing again is answered with the existing one, a different one with 409 (CreateThing, API reference). */
  create(thingName: string, attributes: Readonly<Record<string, string>> = {}): Thing {
    if (!THING_NAME.test(thingName)) {
      throw new ServiceError('InvalidRequestException', `Invalid thing name: ${JSON.stringify(thingName)}`);
    }
    const existing = this.#things.get(thingName);
    if (existing) {
      if (sameAttributes(existing.attributes, attributes)) return existing;
      throw new ServiceError(
        'ResourceAlreadyExistsException',
        `Thing ${thingName} already exists in account with different tags or attributes`,
      );
    }
    const thing: Thing = {
      thingName,
      thingId: randomUUID(),
      thingArn: `${this.#arnPrefix}:thing/${thingName}`,
      attributes,
      version: 1,
      principals: [],
    };
    this.#things.set(thingName, thing);
    return thing;
  }

  /** @throws ServiceError ResourceNotFoundException */
  describe(thingName: string): Thing {
    const thing = this.#things.get(thingName);
    if (!thing) throw new ServiceError('ResourceNotFoundException', `Thing ${thingName} not found.`);
    return thing;
  }

  list(): Thing[] {
    return [...this.#things.values()];
  }

  delete(thingName: string): void {
    const thing = this.#things.get(thingName);
    if (thing && thing.principals.length > 0) {
      throw new ServiceError(
        'InvalidRequestException',
        `Cannot delete. Thing ${thingName} is still attached to one or more principals`,
      );
    }
    this.#things.delete(thingName);
  }

  attachPrincipal(thingName: string, principal: string): void {
    const thing = this.describe(thingName);
    if (!thing.principals.includes(principal)) {
      this.#things.set(thingName, { ...thing, principals: [...thing.principals, principal] });
    }
  }

  detachPrincipal(thingName: string, principal: string): void {
    const thing = this.describe(thingName);
    this.#things.set(thingName, { ...thing, principals: thing.principals.filter((other) => other !== principal) });
  }
}

function sameAttributes(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

import type { Clock } from '../clock.ts';
import type { Collection, Store } from '../store.ts';
import { invalidRequest } from './refusals.ts';

/** Service model `iot`, EventType. Only JOB and JOB_EXECUTION events are published by the simulator. */
export const EVENT_TYPES = [
  'THING',
  'THING_GROUP',
  'THING_TYPE',
  'THING_GROUP_MEMBERSHIP',
  'THING_GROUP_HIERARCHY',
  'THING_TYPE_ASSOCIATION',
  'JOB',
  'JOB_EXECUTION',
  'POLICY',
  'CERTIFICATE',
  'CA_CERTIFICATE',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

interface Stored {
  readonly enabled: readonly EventType[];
  readonly creationDate: number;
  readonly lastModifiedDate: number;
}

const ACCOUNT = 'account';

/** Which events the account publishes; all are off at first (developer guide, "Event messages"). */
export class EventConfigurations {
  readonly #stored: Collection<Stored>;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#stored = store.collection<Stored>('eventConfigurations');
    this.#clock = clock;
  }

  enabled(type: EventType): boolean {
    return this.#stored.get(ACCOUNT)?.enabled.includes(type) ?? false;
  }

  /** In the form of DescribeEventConfigurations; the dates, epoch seconds, are there once something was configured. */
  describe() {
    const { creationDate, lastModifiedDate } = this.#stored.get(ACCOUNT) ?? {};
    return {
      eventConfigurations: Object.fromEntries(EVENT_TYPES.map((type) => [type, { Enabled: this.enabled(type) }])),
      creationDate,
      lastModifiedDate,
    };
  }

  /** A type that is not named stays as it is; one without `Enabled` is off, as absent booleans are in the model. */
  update(configurations: Readonly<Record<string, { readonly Enabled?: boolean | undefined }>>): void {
    const now = this.#clock.now() / 1000;
    const stored = this.#stored.get(ACCOUNT);
    const enabled = new Set(stored?.enabled);
    for (const [name, { Enabled = false }] of Object.entries(configurations)) {
      const type = EVENT_TYPES.find((known) => known === name);
      if (!type) throw invalidRequest(`Unknown event type: ${JSON.stringify(name)}`);
      if (Enabled) enabled.add(type);
      else enabled.delete(type);
    }
    const creationDate = stored?.creationDate ?? now;
    this.#stored.set(ACCOUNT, { enabled: [...enabled], creationDate, lastModifiedDate: now });
  }
}

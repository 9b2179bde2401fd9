import type { ISubscription } from 'mqtt-packet';
import { MOST_SUBSCRIPTIONS } from './connection-limits.ts';
import { matchesFilter } from './topic-filter.ts';

/** SUBACK code "failure" (MQTT 3.1.1 §3.9.3). */
export const REFUSED = 0x80;

/** The topic filters of one connection, read as AWS IoT Core reads them, with the QoS granted to each. */
export class Subscriptions {
  readonly #granted = new Map<string, number>();

  /** The codes of a SUBACK. What there is no more room for is refused for itself. */
  grant(requested: readonly ISubscription[], isAllowed: (filter: string) => boolean): number[] {
    return requested.map(({ topic, qos }) => {
      const isKnown = this.#granted.has(topic);
      if (!isSimulated(topic) || !isAllowed(topic)) return REFUSED;
      if (!isKnown && this.#granted.size >= MOST_SUBSCRIPTIONS) return REFUSED;
      this.#granted.set(topic, qos);
      return qos;
    });
  }

  /** Of a session that is resumed: granted once already. */
  restore(filter: string, qos: number): void {
    this.#granted.set(filter, qos);
  }

  remove(filters: readonly string[]): void {
    for (const filter of filters) this.#granted.delete(filter);
  }

  filters(): string[] {
    return [...this.#granted.keys()];
  }

  has(filter: string): boolean {
    return this.#granted.has(filter);
  }

  /** The highest QoS granted to a filter that the topic is within; undefined: there is none. */
  qosOf(topic: string): number | undefined {
    let highest: number | undefined;
    for (const [filter, qos] of this.#granted) {
      if (highest !== undefined && qos <= highest) continue;
      if (isDelivered(topic, filter)) highest = qos;
    }
    return highest;
  }
}

/** Shared subscriptions are not simulated, and of topics that begin with `$` only AWS's own exist. */
function isSimulated(filter: string): boolean {
  return !filter.startsWith('$') || filter.startsWith('$aws/');
}

/** A wildcard at the beginning does not match topics that begin with `$` (MQTT-4.7.2-1). */
function isDelivered(topic: string, filter: string): boolean {
  if (topic.startsWith('$') && !filter.startsWith('$')) return false;
  return matchesFilter(topic, filter);
}

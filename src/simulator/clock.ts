/** The simulator's time, injected so that tests can move it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Epoch seconds, whole, as every MQTT message of the service carries them (docs/protocol.md, Times). */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

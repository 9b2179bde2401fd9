/** The simulator's time, injected so that tests, and one endpoint, can move it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Runs `act` once when the time has come, in the order of the times asked for; a time that has passed already comes
   * at once, but never inside this call. The function returned takes it back.
   */
  schedule(at: number, act: () => void): () => void;
}

/** Epoch seconds, whole, as every MQTT message of the service carries them (docs/protocol.md, Times). */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

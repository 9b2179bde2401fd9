/** In milliseconds. AWS's timers, windows and rollout rates count in minutes. */
export const MINUTE = 60_000;

import type { Log } from '../../src/system/log.ts';

/** A log for tests that look at results. */
export const silentLog: Log = { debug: drop, info: drop, warn: drop, error: drop };

function drop(): undefined {
  return undefined;
}

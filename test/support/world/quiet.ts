import { performance } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** Turns of the event loop, and milliseconds of the machine's time, without any input or output: then all is quiet. */
const QUIET_TURNS = 8;
const QUIET_MS = 1;
/** The same while an answer is awaited that may have been lost on order: on a loaded machine the kernel may be late. */
const AWAITING_MS = 12;
/** Milliseconds after which something goes round and round without time passing. */
const LONGEST_MS = 20_000;

/**
 * Resolves when nothing moves in this process any more: no packet on its way between device and simulator, nothing due.
 * All of both is in this process, so the events of its loop tell. Depends on no exact timing: too short a wait is no more
 * than a slow network.
 */
export async function quiet(isAwaiting: () => boolean, keepDue: () => void): Promise<void> {
  const begin = performance.now();
  let { events } = performance.nodeTiming.uvMetricsInfo;
  let turns = 0;
  let since = begin;
  for (;;) {
    keepDue();
    await (turns > QUIET_TURNS ? setTimeout(1) : setImmediate());
    const now = performance.now();
    const seen = performance.nodeTiming.uvMetricsInfo.events;
    if (seen !== events || isAtDisk()) {
      events = seen;
      turns = 0;
      since = now;
    } else turns += 1;
    const isQuiet = turns >= QUIET_TURNS && now - since >= (isAwaiting() ? AWAITING_MS : QUIET_MS);
    // A program that runs will end, and that may set something off.
    if (isQuiet && !process.getActiveResourcesInfo().includes('ProcessWrap')) return;
    if (now - begin > LONGEST_MS) throw new Error(`there was no quiet for ${LONGEST_MS} ms: something goes round`);
  }
}

/** A call of the file system is under way: its end is an event, and may be late on a loaded machine. */
function isAtDisk(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'CloseReq');
}

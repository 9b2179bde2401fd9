import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** How busy a process's event loop was since the last question. */
export interface LoopReading {
  /** Share of the time in which the loop had work, 0–1. */
  readonly utilization: number;
  /** How late timers were, in ms. */
  readonly delayP99Ms: number;
}

const RESOLUTION_MS = 10;

// Loaded into the simulator by --import: a loop can only be watched from within. It answers whatever message comes.
if (process.send) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let before = performance.eventLoopUtilization();
  process.on('message', () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const reading: LoopReading = {
      utilization,
      // The histogram has the whole interval between two timers; what is beyond the resolution is the delay.
      delayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS),
    };
    delay.reset();
    process.send?.(reading);
  });
  // It must end as it does without the probe.
  process.channel?.unref();
}

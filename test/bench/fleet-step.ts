import { setTimeout as wait } from 'node:timers/promises';
import type { DeviceKind } from './fleet-device.ts';
import { FleetDevices } from './fleet-devices.ts';
import { JobStream } from './fleet-jobs.ts';
import { jobTargets, thingName } from './fleet-registration.ts';
import { type SimulatorOptions, SimulatorProcess } from './fleet-simulator.ts';

const PATIENCE_MS = 180_000;
const TROUBLES_TOLD = 5;

export interface StepOptions {
  readonly devices: number;
  readonly steps: readonly number[];
  readonly kind: DeviceKind;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly processes: number;
  readonly simulator: SimulatorOptions;
  readonly certificates: string;
  readonly stateDirectory: string;
}

/** What one step measured. */
export interface StepResult {
  readonly devices: number;
  readonly connectSeconds: number;
  readonly connectionsPerSecond: number;
  /** Simulator CPU for one connection: TLS, CONNECT, SUBSCRIBE, jobs/get. */
  readonly cpuMsPerConnection: number;
  readonly rssMiB: number;
  readonly rssKiBPerConnection: number;
  readonly executionsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerExecution: number;
  /** Of the load processes, for comparison. */
  readonly loadCpuMsPerExecution: number;
  /** Cores that the simulator had and used: below 1 with a busy loop, others had the rest. */
  readonly simulatorCores: number;
  /** Share of the time in which the simulator's event loop had work. */
  readonly loopUtilization: number;
  readonly loopDelayP99Ms: number;
  /** After the jobs; `rssMiB` is before them. */
  readonly rssMiBAtEnd: number;
  /** Executions since the start, of which the simulator forgets none. */
  readonly executionsAtEnd: number;
  readonly troubles: number;
}

/** A fresh simulator, its devices, and their jobs for a while. */
export async function measureStep(options: StepOptions): Promise<StepResult> {
  const { devices, seconds } = options;
  const simulator = await SimulatorProcess.start(options.simulator);
  let troubles = 0;
  const trouble = (what: string): void => {
    troubles += 1;
    if (troubles <= TROUBLES_TOLD) process.stderr.write(`${devices} devices: ${what}\n`);
  };
  const latencies: number[] = [];
  let ended = 0;
  const jobs = new JobStream(simulator.iot, (error) => trouble(String(error)));
  const fleet = new FleetDevices({
    ended: (jobId, ms) => {
      ended += 1;
      latencies.push(ms);
      jobs.ended(jobId);
    },
    trouble,
  });
  try {
    await fleet.prepare(options.processes);
    const atRest = { rss: simulator.rssKiB, cpu: simulator.cpuSeconds };
    const startedAt = performance.now();
    await within(fleet.connect(orderOf(options, simulator)), 'the devices were not connected');
    const connectSeconds = (performance.now() - startedAt) / 1000;
    const connectCpu = simulator.cpuSeconds - atRest.cpu;
    const rss = simulator.rssKiB;

    const firstJobs = jobs.start(jobTargets(devices, options.steps));
    await Promise.all([within(firstJobs, 'the first jobs had not ended'), wait(options.warmUpSeconds * 1000)]);
    await simulator.readLoop();
    latencies.length = 0;
    const before = { at: performance.now(), ended, cpu: simulator.cpuSeconds, load: fleet.cpuSeconds };
    await wait(seconds * 1000);
    const took = (performance.now() - before.at) / 1000;
    const executions = ended - before.ended;
    const sorted = latencies.toSorted((a, b) => a - b);
    const cpu = simulator.cpuSeconds - before.cpu;
    const load = fleet.cpuSeconds - before.load;
    const loop = await simulator.readLoop();
    jobs.stop();
    return {
      devices,
      connectSeconds,
      connectionsPerSecond: devices / connectSeconds,
      cpuMsPerConnection: (connectCpu * 1000) / devices,
      rssMiB: rss / 1024,
      rssKiBPerConnection: (rss - atRest.rss) / devices,
      executionsPerSecond: executions / took,
      p50Ms: percentile(sorted, 50),
      p95Ms: percentile(sorted, 95),
      p99Ms: percentile(sorted, 99),
      cpuMsPerExecution: (cpu * 1000) / executions,
      loadCpuMsPerExecution: (load * 1000) / executions,
      simulatorCores: cpu / took,
      loopUtilization: loop.utilization,
      loopDelayP99Ms: loop.delayP99Ms,
      rssMiBAtEnd: simulator.rssKiB / 1024,
      executionsAtEnd: ended,
      troubles,
    };
  } finally {
    await fleet.stop();
    await simulator.stop();
  }
}

/** Whatever keeps devices from it has been told as trouble by then. */
async function within(done: Promise<void>, late: string): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(() => timeout.reject(new Error(`${late} within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  await Promise.race([done, timeout.promise]).finally(() => clearTimeout(timer));
}

function orderOf(options: StepOptions, { addresses }: SimulatorProcess) {
  const { kind, certificates, stateDirectory } = options;
  const things = Array.from({ length: options.devices }, (_, index) => thingName(index));
  const at = { port: addresses.mqttPort, rootCaPath: addresses.caPath };
  return { kind, things, certificates, stateDirectory, ...at };
}

/** By nearest rank; of a sorted list. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { DeviceKind } from './fleet-device.ts';
import { register } from './fleet-registration.ts';
import { bend, medians, type StepRow, table } from './fleet-report.ts';
import { SimulatorProcess } from './fleet-simulator.ts';
import { measureStep, type StepResult } from './fleet-step.ts';

const HELP = `How many devices one simulator process holds, and how many job executions a second it does.

Usage: npm run bench:fleet -- [options]

Options:
  --devices <list>    steps, ascending (default 10,50,100,200,500,1000,2000)
  --seconds <n>       how long each step is measured (default 10)
  --warm-up <n>       seconds of jobs before that, at least; every device has ended one by then (default 3)
  --repeats <n>       how often the whole curve is measured; medians are shown (default 3)
  --device <kind>     agent: whole agents (default); client: only the agent's connection and Jobs client,
                      which cost less, so that more of the machine is left to the simulator
  --processes <n>     load processes that share the devices (default 2)
  --dist <directory>  the built package (default dist)
  --profile <dir>     leave V8 CPU profiles of the simulator there, one for each step
  --json              everything measured, for machines
  -h, --help          this

Examples:
  npm run bench:fleet
  npm run bench:fleet -- --devices 10 --seconds 1 --warm-up 1 --repeats 1     # does it work?
  npm run bench:fleet -- --devices 10,100,1000 --device client --json > fleet.json
`;

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '10,50,100,200,500,1000,2000' },
    seconds: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '3' },
    repeats: { type: 'string', default: '3' },
    device: { type: 'string', default: 'agent' },
    processes: { type: 'string', default: '2' },
    dist: { type: 'string', default: join(import.meta.dirname, '../../dist') },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else await main();

async function main(): Promise<void> {
  const steps = values.devices.split(',').map((text) => positive('devices', text));
  if (steps.some((devices, index) => devices <= (steps[index - 1] ?? 0))) {
    throw new Error(`--devices: expected ascending numbers, not ${values.devices}`);
  }
  const seconds = positive('seconds', values.seconds);
  const warmUpSeconds = positive('warm-up', values['warm-up']);
  const repeats = positive('repeats', values.repeats);
  const processes = positive('processes', values.processes);
  const kind = deviceKind(values.device);
  const dist = resolve(values.dist);
  const directory = mkdtempSync(join(tmpdir(), 'fleet-'));
  const states = mkdtempSync(join(memoryDirectory(), 'fleet-'));
  process.once('exit', () => {
    for (const path of [directory, states]) rmSync(path, { recursive: true, force: true });
  });
  process.once('SIGINT', () => process.exit(130));
  const file = (name: string): string => join(directory, name);
  const certificates = file('certificates');
  const registered = file('registered');
  progress(`registering ${steps.at(-1)} things`);
  const simulator = await SimulatorProcess.start({ dist, dataDirectory: registered });
  await register(simulator.iot, certificates, steps).finally(() => simulator.stop());

  const samples = new Map<number, StepResult[]>(steps.map((devices) => [devices, []]));
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    for (const devices of steps) {
      progress(`${devices} devices, repeat ${repeat} of ${repeats}`);
      const dataDirectory = file('simulator');
      const stateDirectory = join(states, 'devices');
      for (const path of [dataDirectory, stateDirectory]) rmSync(path, { recursive: true, force: true });
      mkdirSync(stateDirectory);
      cpSync(registered, dataDirectory, { recursive: true });
      const profileDirectory = values.profile && resolve(values.profile, `${kind}-${devices}-${repeat}`);
      if (profileDirectory) mkdirSync(profileDirectory, { recursive: true });
      const result = await measureStep({
        ...{ devices, steps, kind, seconds, warmUpSeconds, processes, certificates, stateDirectory },
        simulator: { dist, dataDirectory, profileDirectory },
      });
      samples.get(devices)?.push(result);
    }
  }
  report([...samples.values()], { kind, seconds, repeats, processes });
}

function report(
  samples: readonly StepResult[][],
  how: { kind: DeviceKind; seconds: number; repeats: number; processes: number },
): void {
  const { kind, seconds, repeats, processes } = how;
  const rows: StepRow[] = samples.map(medians);
  const what =
    kind === 'agent' ? 'whole agents' : "the agent's connection and Jobs client, without journal and handlers";
  const method = `Medians of ${repeats}. Devices: ${what}, in ${processes} load processes on the same machine. Each device has its next job when it ends one, whose work is nothing; ${seconds} s are measured. ms: told of a job and free to do it, until SUCCEEDED is accepted. CPU is the simulator's; load is the devices'.`;
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, ...how, method, rows, bend: bend(rows), samples }));
    return;
  }
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}\n\n${table(rows)}\n\n${bend(rows)}\n${method}`,
  );
}

/** The journals' disk is the devices' business, of which a whole fleet shares one here: memory, where there is such. */
function memoryDirectory(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

function deviceKind(text: string): DeviceKind {
  if (text === 'agent' || text === 'client') return text;
  throw new Error(`--device: expected agent or client, not ${text}`);
}

function positive(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name}: expected a positive whole number, not ${text}`);
  return Number(text);
}

function progress(what: string): void {
  process.stderr.write(`${what}\n`);
}

import { join } from 'node:path';
import type { AgentConfig } from '../../src/config/config.ts';
import { validateConfig } from '../../src/config/validate.ts';
import { createDevice, type Device, type DeviceKind } from './fleet-device.ts';
import { certificatePath, keyPath } from './fleet-registration.ts';

/** What a load process is told once. */
export interface LoadOrder {
  readonly kind: DeviceKind;
  readonly things: readonly string[];
  readonly certificates: string;
  /** For one directory per device. */
  readonly stateDirectory: string;
  readonly port: number;
  readonly rootCaPath: string;
}

/** What a load process tells. */
export type LoadNews =
  /** It may be given its order. */
  | { readonly event: 'loaded' }
  | { readonly event: 'ready' }
  | { readonly event: 'ended'; readonly ended: readonly (readonly [jobId: string, ms: number])[] }
  | { readonly event: 'trouble'; readonly what: string };

/** Devices of this process that connect at a time. */
const CONNECTING = 25;

/** A process full of devices: connects them all, then lives until its channel closes. */
async function load(order: LoadOrder): Promise<void> {
  let stopping = false;
  // What is cut off at the end is no trouble.
  const trouble = (what: string): void => {
    if (!stopping) tell({ event: 'trouble', what });
  };
  let ended: [string, number][] = [];
  const note = (jobId: string, ms: number): void => {
    if (ended.length === 0) {
      setImmediate(() => {
        tell({ event: 'ended', ended });
        ended = [];
      });
    }
    ended.push([jobId, ms]);
  };

  const devices: Device[] = [];
  const queue = order.things.values();
  const connectSome = async (): Promise<void> => {
    for (const thingName of queue) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const device = createDevice(order.kind, configOf(thingName, order), {
        ready: resolve,
        ended: note,
        trouble: (what) => trouble(`${thingName}: ${what}`),
      });
      devices.push(device);
      await device.start();
      await promise;
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, connectSome));
  tell({ event: 'ready' });
  process.once('message', async () => {
    stopping = true;
    await Promise.all(devices.map((device) => device.stop()));
    process.exit();
  });
}

function configOf(thingName: string, order: LoadOrder): AgentConfig {
  const settings = {
    thingName,
    endpoint: '127.0.0.1',
    port: order.port,
    rootCaPath: order.rootCaPath,
    certificatePath: certificatePath(order.certificates, thingName),
    privateKeyPath: keyPath(order.certificates, thingName),
    stateDirectory: join(order.stateDirectory, thingName),
    mqtt: { keepAliveSeconds: 1200 },
    jobs: { stopGraceSeconds: 1 },
    log: { level: 'silent' },
  };
  const validated = validateConfig(settings, process.cwd());
  if (!validated.ok) throw new Error(validated.problems.join('; '));
  return validated.config;
}

function tell(news: LoadNews): void {
  process.send?.(news);
}

process.once('disconnect', () => process.exit());
process.once('message', (order) => {
  load(order as LoadOrder).catch((error: unknown) => {
    tell({ event: 'trouble', what: String(error) });
    process.exitCode = 1;
    process.disconnect();
  });
});
tell({ event: 'loaded' });

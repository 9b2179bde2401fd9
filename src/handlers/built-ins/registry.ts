import type { BuiltIn } from './built-in.ts';
import { createHealthCheck } from './health-check.ts';
import { createPackageBuiltIns } from './packages.ts';
import { reboot, shutdown } from './power.ts';
import { createServiceBuiltIns } from './services.ts';

export interface BuiltInSettings {
  readonly agentVersion: string;
  readonly stateDirectory: string;
  /** The systemd unit that the agent runs as; absent: found out when it is needed. */
  readonly agentUnit?: string | undefined;
  /** `downloadFile`, made by its own module. */
  readonly downloadFile: BuiltIn;
}

/** Everything that the agent can do itself, by action and by script. Cheap: the work is loaded when it is first run. */
export function createBuiltIns(settings: BuiltInSettings): readonly BuiltIn[] {
  const { agentVersion, stateDirectory, agentUnit, downloadFile } = settings;
  return [
    reboot,
    shutdown,
    downloadFile,
    ...createPackageBuiltIns(),
    ...createServiceBuiltIns({ agentUnit }),
    createHealthCheck({ agentVersion, stateDirectory }),
  ];
}

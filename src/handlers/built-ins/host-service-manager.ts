import { stat } from 'node:fs/promises';
import type { BuiltInContext } from '../step.ts';
import { InitServices } from './init-services.ts';
import type { ServiceManager } from './service-manager.ts';
import { SystemdServices } from './systemd-services.ts';

/** It is there when, and only when, systemd is the init system: sd_booted(3). */
export const SYSTEMD_DIRECTORY = '/run/systemd/system';

export async function hostServiceManager(context: BuiltInContext, systemdDirectory: string): Promise<ServiceManager> {
  const isSystemd = await stat(systemdDirectory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isSystemd ? new SystemdServices(context) : new InitServices(context);
}

import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Where only the system's own administrator puts programs; the agent's PATH is not asked for what runs as root. */
export const TOOL_DIRECTORIES: readonly string[] = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * The path of a tool of the system, in these directories alone. BusyBox's are not found: its setpriv has no --reuid, its
 * getent is none.
 */
export function systemTool(name: string, directories: readonly string[] = TOOL_DIRECTORIES): string | undefined {
  return directories
    .map((directory) => join(directory, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return basename(realpathSync(file)) !== 'busybox';
      } catch {
        // Not there, or not for us: either way it is no tool to use.
        return false;
      }
    });
}

import { readFileSync } from 'node:fs';
import { errorMessage, ThingAgentError } from '../errors.ts';

/** Where Linux says which start of the kernel this is: random, and new at each start (random(4)). */
export const BOOT_ID_PATH = '/proc/sys/kernel/random/boot_id';

/** Throws BOOT_ID_UNREADABLE: without one nobody can tell whether the device has started anew. */
export function readBootId(path: string): string {
  try {
    const id = readFileSync(path, 'utf8').trim();
    if (id !== '') return id;
  } catch (error) {
    throw new ThingAgentError('BOOT_ID_UNREADABLE', `the boot id cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  throw new ThingAgentError('BOOT_ID_UNREADABLE', `the boot id cannot be read: ${path} is empty`);
}

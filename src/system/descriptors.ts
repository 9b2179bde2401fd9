import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '../errors.ts';

const O_CLOEXEC = 0o2000000;

/**
 * Closes the descriptors that this process was started with, but for 0, 1 and 2, and that every child would get too.
 * Node marks inherited ones close-on-exec only up to the first gap past 15 (`uv_disable_stdio_inheritance`); its own
 * all are. To be called before anything else opens files: a library's own descriptor must not be taken for one of them.
 *
 * @returns the numbers of those it closed.
 */
export function closeInheritedDescriptors(): number[] {
  const closed: number[] = [];
  for (const fd of openDescriptors()) {
    if (fd <= 2 || isClosedOnExec(fd)) continue;
    closeSync(fd);
    closed.push(fd);
  }
  return closed;
}

/** None where there is no /proc. */
function openDescriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** proc_pid_fdinfo(5): `flags` is octal and has O_CLOEXEC. One that is gone, as the listing's own, needs no closing. */
function isClosedOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    throw error;
  }
}

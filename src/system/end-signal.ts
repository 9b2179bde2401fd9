import { readFileSync } from 'node:fs';

/** signal(7): the first real-time signal that the C library leaves to programs. */
const SIGRTMIN = 34;

/**
 * The real-time signal that ended a process which has not been reaped yet; undefined when it was none, or nobody may
 * know. Node knows no names above 31 and tells such an end as exit code 0, which would make a killed program a success.
 *
 * To be asked when the last of its pipes has closed: the kernel sets the exit code before it closes descriptors, and
 * libuv handles a readable descriptor before the SIGCHLD that makes it reap. proc_pid_stat(5), field 52. So it stays
 * unknown of a program that closed them all long before, or left them to another, and of one that is not ours to see;
 * and libuv, which reaps all children at once, may reap it unseen where another one ends in the same moment.
 */
export function realTimeEnd(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // Reaped already, or no /proc here: what Node tells is all there is.
    return undefined;
  }
  // The second field, the name, may hold anything: the last `)` ends it.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  const signal = Number(fields[52 - 3]) & 0x7f;
  if (!(signal > 31)) return undefined;
  if (signal < SIGRTMIN) return `signal ${signal}`;
  return signal === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${signal - SIGRTMIN}`;
}

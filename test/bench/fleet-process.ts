import { readFileSync } from 'node:fs';

/** USER_HZ, in which proc(5) counts: 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process so far, user and system, all threads: proc(5), /proc/pid/stat, fields 14 and 15. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in field 2 may hold blanks and brackets; the last bracket ends it, and field 3 follows.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory in KiB: proc(5), /proc/pid/status, VmRSS. */
export function rssKiB(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (found === undefined) throw new Error('/proc/pid/status has no VmRSS');
  return Number(found);
}

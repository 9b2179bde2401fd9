import { readFileSync } from 'node:fs';

/**
 * MiB that a process holds for itself: resident or swapped out, without the pages of files that it shares with others
 * of the same program (proc_pid_status(5)). Undefined where there is no such process, or no /proc.
 */
export function ownMemoryMegabytes(pid: number): number | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return undefined;
  }
  let kilobytes = 0;
  for (const [, amount] of status.matchAll(/^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$/gm)) kilobytes += Number(amount);
  return kilobytes === 0 ? undefined : kilobytes / 1024;
}

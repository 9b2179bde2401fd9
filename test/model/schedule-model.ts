import type { Schedule } from './records.ts';

/** Section 4.6: from the start time on, and within the hour's maintenance window if there are windows. */
export function isOpen({ start = 0, window }: Schedule, minute: number): boolean {
  if (minute < start) return false;
  if (!window) return true;
  return (minute - window.minute + 60) % 60 < window.duration;
}

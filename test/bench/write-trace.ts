import { readFileSync } from 'node:fs';

/** What went to the files below a directory. */
export interface Writes {
  readonly syncs: number;
  readonly bytes: number;
}

/** What strace is told, before the program: `-y` names the file behind each descriptor. */
export function straceArguments(output: string): string[] {
  return [
    '-f',
    '-y',
    '-qq',
    '-e',
    'trace=fsync,fdatasync,write,writev,pwrite64,pwritev',
    '-e',
    'signal=none',
    '-o',
    output,
  ];
}

/**
 * Reads strace's output (strace(1)): `<pid> pwrite64(17</dir/journal.sqlite-wal>, "…"..., 1024, 32) = 1024`. A call
 * that another thread's interrupts is in two lines, of which the first names the file and the second the result.
 */
export function readTrace(file: string, directory: string): Writes {
  let syncs = 0;
  let bytes = 0;
  const unfinished = new Map<string, boolean>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const pid = /^\d+/.exec(line)?.[0] ?? '';
    const resumed = /^\d+ +<\.\.\. (\w+) resumed>/.exec(line)?.[1];
    const begun = /^\d+ +(\w+)\(\d+<([^>]*)>/.exec(line);
    const isOurs = resumed === undefined ? (begun?.[2]?.startsWith(directory) ?? false) : unfinished.get(pid) === true;
    unfinished.delete(pid);
    if (line.endsWith('<unfinished ...>')) {
      unfinished.set(pid, isOurs);
      continue;
    }
    const call = resumed ?? begun?.[1] ?? '';
    const result = Number(/ = (-?\d+)[^=]*$/.exec(line)?.[1] ?? -1);
    if (!isOurs || result < 0) continue;
    if (call === 'fsync' || call === 'fdatasync') syncs += 1;
    else bytes += result;
  }
  return { syncs, bytes };
}

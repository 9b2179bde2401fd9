import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One of the demo's two processes, with what it says kept in a file. */
export interface Child {
  readonly name: string;
  readonly logPath: string;
  readonly process: ChildProcess;
  /** The first line on stdout; rejects when the process ends without one. */
  readonly firstLine: Promise<string>;
}

/** Starts `node dist/main.js` with the arguments given. */
export function startThingAgent(name: string, args: readonly string[], logPath: string): Child {
  const child = spawn(process.execPath, ['dist/main.js', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(logPath);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const firstLine = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      log.end();
      reject(new Error(`${name} ended early (${signal ?? `exit code ${code}`})`));
    });
  });
  // Not everybody waits for a first line: an early end is also noticed by the demo's own checks.
  firstLine.catch(() => undefined);
  return { name, logPath, process: child, firstLine };
}

export function hasEnded(child: Child): boolean {
  return child.process.exitCode !== null || child.process.signalCode !== null;
}

/** TERM, and KILL after five seconds; returns when the process is gone. */
export async function stopChild(child: Child): Promise<void> {
  if (hasEnded(child) || child.process.pid === undefined) return;
  const closed = once(child.process, 'close');
  child.process.kill('SIGTERM');
  const kill = setTimeout(() => child.process.kill('SIGKILL'), 5_000);
  await closed;
  clearTimeout(kill);
}

import { subscribe } from 'node:diagnostics_channel';
import { fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../../src/agent/agent.ts';
import { validateConfig } from '../../src/config/validate.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/journal-file.ts';
import type { Log } from '../../src/system/log.ts';
import { nothingPlanner } from './nothing-planner.ts';

/** What an agent's process is told once. */
export interface AgentOrder {
  /** As in the agent's configuration file. */
  readonly settings: { readonly stateDirectory: string; readonly [key: string]: unknown };
  /** Its end is told when so many executions have been reported. */
  readonly jobs: number;
  /** `step`: each document is one step in the process that does nothing; `program`: documents are the agent's own. */
  readonly kind: 'step' | 'program';
  /** Measure the time from a child's end to the next write of the journal. */
  readonly window: boolean;
}

/** What it tells at the end. */
export interface AgentReport {
  /** Milliseconds from the first list to the last report that the service has accepted. */
  readonly drainMs: number;
  /** proc(5), /proc/pid/io, write_bytes: whole pages that were made dirty for storage. Nothing on a tmpfs counts. */
  readonly storageBytes: number;
  readonly windows: readonly Window[];
}

/** Milliseconds of one end of a child, and of a write and fdatasync of as many bytes right after it. */
export interface Window {
  readonly ms: number;
  readonly bytes: number;
  readonly bareMs: number;
}

async function run(order: AgentOrder): Promise<void> {
  const validated = validateConfig(order.settings, process.cwd());
  if (!validated.ok) throw new Error(validated.problems.join('; '));
  const { config } = validated;
  const windows: Window[] = [];
  let begun: { readonly at: number; readonly bytes: number } | undefined;
  let left = order.jobs;
  const info = (_fields: object, message: string): void => {
    if (message === 'pending jobs') begun ??= { at: performance.now(), bytes: ioCounter('write_bytes') };
    if (message !== 'reported' || !begun) return;
    left -= 1;
    if (left > 0) return;
    const drainMs = performance.now() - begun.at;
    const storageBytes = ioCounter('write_bytes') - begun.bytes;
    // What settles the last one comes first.
    setImmediate(() => void end({ drainMs, storageBytes, windows }));
  };
  const trouble = (fields: object, message: string): void => {
    process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  };
  const log: Log = { debug: () => undefined, info, warn: trouble, error: trouble };
  const agent = new Agent(config, log, {
    ...(order.kind === 'step' ? { planner: nothingPlanner } : {}),
    ...(order.window
      ? { openJournal: (directory, options) => measured(openJournal(directory, options), directory, windows) }
      : {}),
  });
  const end = async (report: AgentReport): Promise<void> => {
    await agent.stop();
    process.send?.(report);
    process.disconnect();
  };
  await agent.start();
}

/** The journal, with the time of each write that follows the word of a child's end, and a bare write after it. */
function measured(journal: Journal, directory: string, windows: Window[]): Journal {
  let toldAt: number | undefined;
  // Before all listeners of the agent's: node:child_process tells its children when it has read of their end.
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: NodeJS.EventEmitter };
    child.prependOnceListener('exit', () => {
      toldAt = performance.now();
    });
  });
  const fd = openSync(join(directory, 'bare'), 'a', 0o600);
  const note = (write: () => void): void => {
    const before = ioCounter('wchar');
    write();
    const now = performance.now();
    if (toldAt === undefined) return;
    const bytes = ioCounter('wchar') - before;
    const ms = now - toldAt;
    toldAt = undefined;
    const bareAt = performance.now();
    writeSync(fd, Buffer.alloc(bytes));
    fdatasyncSync(fd);
    windows.push({ ms, bytes, bareMs: performance.now() - bareAt });
  };
  return {
    recordList: (list) => journal.recordList(list),
    recordOne: (execution, timestamp) => journal.recordOne(execution, timestamp),
    runnable: () => journal.runnable(),
    find: (key) => journal.find(key),
    claim: (key, work) => journal.claim(key, work),
    step: (key, event) => note(() => journal.step(key, event)),
    saveProgress: (key, value) => journal.saveProgress(key, value),
    conclude: (key, outcome) => note(() => journal.conclude(key, outcome)),
    finish: (key, result) => note(() => journal.finish(key, result)),
    outbox: () => journal.outbox(),
    settle: (key, how) => journal.settle(key, how),
    forget: (key) => journal.forget(key),
    reopen: (key, otherwise) => journal.reopen(key, otherwise),
    readmit: (key) => journal.readmit(key),
    isRebuilt: () => journal.isRebuilt(),
    probe: () => journal.probe(),
    close: () => journal.close(),
  };
}

function ioCounter(name: 'write_bytes' | 'wchar'): number {
  return Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

process.once('disconnect', () => process.exit());
process.once('message', (order) => {
  run(order as AgentOrder).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});

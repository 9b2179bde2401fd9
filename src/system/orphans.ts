import { type Clock, sleep } from './clock.ts';
import type { Log } from './log.ts';
import { killGroup } from './process-group.ts';
import { allProcesses, type ProcessStatus, processStatus, wasStartedWith } from './process-identity.ts';
import { type Leftover, PROCESS_VARIABLE, type ProcessLedger } from './process-ledger.ts';

export interface OrphanOptions {
  readonly ledger: Pick<ProcessLedger, 'left' | 'strike'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted: the agent stops; the rest is left to the next one. */
  readonly signal: AbortSignal;
  /** Milliseconds between TERM and KILL. */
  readonly graceMs?: number;
  /** Milliseconds after which those that do not go are waited for no longer. */
  readonly deadlineMs?: number;
}

const POLL_MS = 50;

/**
 * Ends what an agent that was killed has left running, before a step that it was amid goes on: or the two would do the
 * same work at once. TERM, grace, KILL, as a step is ended; what cannot be signalled, another user's through sudo, is
 * waited for. Resolves when none is left, or with the deadline.
 *
 * A program and what it has started share its session, whatever groups they make of themselves (timeout(1) leaves its
 * parent's). Who has left the session, as a daemon does, is let alone, as at every other end of a step.
 */
export async function endOrphans(options: OrphanOptions): Promise<void> {
  const { ledger, clock, log, signal, graceMs = 5_000, deadlineMs = 300_000 } = options;
  const left = ledger.left();
  const startedAt = clock.now();
  const told = new Set<string>();
  const terminated = new Set<number>();
  for (;;) {
    const elapsed = clock.now() - startedAt;
    const survivors = left.length === 0 ? [] : survivorsOf(left);
    for (const { token } of left.filter((leftover) => !survivors.some((one) => one.leftover === leftover))) {
      ledger.strike(token);
    }
    if (survivors.length === 0) return;
    for (const { leftover, status } of survivors) {
      if (told.has(leftover.token)) continue;
      told.add(leftover.token);
      log.warn({ ...leftover.about, pid: status.pid }, 'a program has outlived the agent that started it: it is ended');
    }
    if (elapsed >= deadlineMs) {
      const pids = survivors.map(({ status }) => status.pid);
      log.error({ pids, deadlineMs }, 'programs of an earlier agent do not end, and are waited for no longer');
      return;
    }
    for (const { status } of survivors) {
      const isFirst = !terminated.has(status.group);
      if (isFirst || elapsed >= graceMs) signalGroupOf(status, isFirst ? 'SIGTERM' : 'SIGKILL');
      terminated.add(status.group);
    }
    await sleep(clock, POLL_MS, signal);
    if (signal.aborted) return;
  }
}

interface Survivor {
  readonly leftover: Leftover;
  readonly status: ProcessStatus;
}

function survivorsOf(left: readonly Leftover[]): Survivor[] {
  const all = allProcesses();
  // An agent that a step of the last one has started may stand in that step's session.
  const ownGroup = all.find(({ pid }) => pid === process.pid)?.group;
  return left.flatMap((leftover) =>
    all
      .filter((one) => one.alive && one.group !== ownGroup && isOf(leftover, one, all))
      .map((one) => ({ leftover, status: one })),
  );
}

function isOf({ leader, token }: Leftover, one: ProcessStatus, all: readonly ProcessStatus[]): boolean {
  if (leader === undefined) return wasStartedWith(one.pid, PROCESS_VARIABLE, token);
  if (one.session !== leader.pid) return false;
  const found = all.find(({ pid }) => pid === leader.pid);
  // When the leader has gone, its number may have been given again, but not while anybody is left in its session.
  if (found) return found.startTime === leader.startTime;
  return all.some(({ pid, session }) => session === leader.pid && wasStartedWith(pid, PROCESS_VARIABLE, token));
}

/** Looks once more, right before: between then and now only a process that has ended can have changed. */
function signalGroupOf({ pid, startTime, group }: ProcessStatus, signal: 'SIGTERM' | 'SIGKILL'): void {
  const now = processStatus(pid);
  if (now?.startTime === startTime && now.group === group) killGroup(group, signal);
}

import type { Batch } from './execution-set.ts';
import { keyText, type ListedExecution, type RecordedList } from './journal.ts';
import { freshExecution, isUnfinished, type StoredExecution } from './stored-execution.ts';

/** Queued executions kept while lists are cut at the service's limit; those named longest ago come with a later list. */
export const QUEUED_KEPT = 100;

/** Returns whether the execution was new to us. */
export function record(
  batch: Batch,
  listed: ListedExecution,
  at: { readonly timestamp: number | undefined; readonly position: number; readonly isRebuilt: boolean },
): boolean {
  const known = batch.get(listed);
  const { position, isRebuilt } = at;
  const namedAt = at.timestamp ?? 0;
  if (known && !isReused(known, listed)) {
    const renamed = named(known, listed, namedAt, position);
    if (renamed !== known) batch.put(renamed);
    return false;
  }
  batch.put({
    ...freshExecution(listed, batch.nextSequence()),
    serviceStatus: listed.status,
    position,
    namedAt,
    // In progress, unknown here, and there has been another journal: its steps may have run.
    historyLost: isRebuilt && listed.status === 'IN_PROGRESS',
  });
  return true;
}

/**
 * Messages may arrive out of order (AWS developer guide, Jobs and job execution states): only a complete list that is
 * newer than the last message which named an execution may drop it. A doubtful one stays: its claim will tell.
 */
export function dropUnnamed(
  batch: Batch,
  known: readonly StoredExecution[],
  { complete, timestamp, executions }: RecordedList,
): number {
  if (!complete || timestamp === undefined) return 0;
  const listed = new Set(executions.map(keyText));
  const unnamed = known.filter(
    (execution) => execution.state === 'queued' && execution.namedAt < timestamp && !listed.has(keyText(execution)),
  );
  for (const execution of unnamed) batch.remove(execution);
  return unnamed.length;
}

/** Jobs may come and be cancelled for weeks while every list is cut: what none has named for long is forgotten. */
export function dropBeyond(batch: Batch, known: readonly StoredExecution[], named: readonly ListedExecution[]): number {
  const now = new Set(named.map(keyText));
  const others = known.filter(
    (execution) => execution.state === 'queued' && batch.get(execution) !== undefined && !now.has(keyText(execution)),
  );
  const excess = others.length + now.size - QUEUED_KEPT;
  if (excess <= 0) return 0;
  const oldest = others.toSorted((a, b) => a.namedAt - b.namedAt || b.position - a.position).slice(0, excess);
  for (const execution of oldest) batch.remove(execution);
  return oldest.length;
}

/**
 * A job id may be used again after DeleteJob, and execution numbers start anew: a later queuedAt is another job, and an
 * earlier one is old news. A result that still waits for the old one must not be given to the new.
 */
function isReused(known: StoredExecution, listed: ListedExecution): boolean {
  return known.queuedAt !== 0 && known.queuedAt < listed.queuedAt && !isUnfinished(known);
}

/** Pending at the service and settled here. */
export function isDoubtful(known: StoredExecution | undefined, listed: ListedExecution): boolean {
  return known?.state === 'settled' && !isReused(known, listed);
}

/**
 * What has begun here keeps the queuedAt that it began with: it is what tells it from a later job of its id. Where
 * nothing new is said, the same object is given back: a list that says again what is known costs no write.
 */
function named(known: StoredExecution, listed: ListedExecution, namedAt: number, position: number): StoredExecution {
  if (known.state !== 'queued') return known.queuedAt === 0 ? { ...known, queuedAt: listed.queuedAt } : known;
  const after = {
    ...known,
    position,
    namedAt: Math.max(known.namedAt, namedAt),
    queuedAt: Math.max(known.queuedAt, listed.queuedAt),
    serviceStatus: listed.status,
  };
  const isSame =
    after.position === known.position &&
    after.namedAt === known.namedAt &&
    after.queuedAt === known.queuedAt &&
    after.serviceStatus === known.serviceStatus;
  return isSame ? known : after;
}

import { expect } from 'vitest';
import { isWork, nameOf, type WorkDocument } from '../support/world/work.ts';
import { HOUR, type World } from '../support/world.ts';

/** Two steps: one at once, one that takes a minute and tells of it. */
export function work(edition: string, changes: Partial<WorkDocument> = {}): WorkDocument {
  return { edition, steps: [{ name: 'first' }, { name: 'second', seconds: 60, progress: true }], ...changes };
}

/** What the steps of `work` do when all goes well. */
export const ONCE = ['first started', 'first succeeded', 'second started', 'second succeeded'];

/** What must hold whatever happens: no finished step again, never too many at once, nothing false at the service. */
export async function expectTruth(world: World, concurrency = 1): Promise<void> {
  expect(world.deeds.violations).toEqual([]);
  expect(world.deeds.mostAtOnce).toBeLessThanOrEqual(concurrency);
  expect(world.faults).toEqual([]);
  const documents = await world.operator.documents();
  for (const { jobId, executionNumber, status, statusDetails } of await world.operator.executions()) {
    const document = documents.get(jobId);
    if (!isWork(document)) continue;
    const { edition } = document;
    const told = statusDetails['edition'] ?? edition;
    expect(told, `what ${jobId}#${executionNumber} was told came from its own steps`).toBe(edition);
    if (status !== 'SUCCEEDED' && status !== 'FAILED') continue;
    const result = world.results.get(nameOf({ edition, executionNumber }));
    expect(result?.status, `the device's own word about ${edition}#${executionNumber}\n${world.story()}`).toBe(status);
  }
}

/** Whatever was, the next job gets its turn, and the device has nothing left to do. */
export async function expectNextJob(world: World, jobId = 'next', within = 2 * HOUR): Promise<void> {
  await world.operator.createJob(jobId, work(jobId));
  expect(await world.outcome(jobId, within)).toBe('SUCCEEDED');
  expect(world.deeds.of(jobId)).toEqual(ONCE);
  await world.advance(HOUR);
  const { journal } = world.device;
  expect(journal?.runnable(), world.story()).toEqual([]);
  expect(journal?.outbox()).toEqual([]);
}

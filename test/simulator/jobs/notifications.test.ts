import { expect, test } from 'vitest';
import { type JobExecutionStatus, TERMINAL_STATUSES } from '../../../src/jobs/model.ts';
import type { StoredExecution } from '../../../src/simulator/jobs/entities.ts';
import { notificationsFor } from '../../../src/simulator/jobs/notifications.ts';
import { pendingOrder } from '../../../src/simulator/jobs/pending-list.ts';

/** `1Q 2P`: job 1 is QUEUED, job 2 is IN_PROGRESS; S is SUCCEEDED. The number is the order of creation. */
const STATUS: Readonly<Record<string, JobExecutionStatus>> = { Q: 'QUEUED', P: 'IN_PROGRESS', S: 'SUCCEEDED' };

function pending(text: string, versionNumber = 1): StoredExecution[] {
  const executions = text
    .split(' ')
    .filter(Boolean)
    .map((word): StoredExecution => {
      const sequence = Number(word[0]);
      const status = STATUS[word[1] ?? ''] ?? 'FAILED';
      const times = { queuedAt: 1000, lastUpdatedAt: 2000 };
      return {
        jobId: `j${sequence}`,
        thingName: 't',
        executionNumber: 1,
        status,
        statusDetails: {},
        ...times,
        versionNumber,
        sequence,
        retried: { FAILED: 0, TIMED_OUT: 0 },
      };
    });
  return pendingOrder(executions.filter((execution) => !TERMINAL_STATUSES.has(execution.status)));
}

const CONTEXT = { now: 9000, listLimit: 10, documentOf: () => '{"a":1}' };
const send = (before: string, after: string) =>
  notificationsFor({ thingName: 't', before: pending(before), after: pending(after, 2) }, CONTEXT);

test.each([
  ['queued, the list was empty', '', '1Q', ['notify', 'notify-next']],
  ['queued behind another', '1Q', '1Q 2Q', ['notify']],
  ['the first one starts', '1Q 2Q', '1P 2Q', []],
  ['another than the first starts', '1Q 2Q', '1Q 2P', ['notify-next']],
  ['details change', '1P', '1P', []],
  ['the first one ends, others are left', '1P 2Q', '1S 2Q', ['notify', 'notify-next']],
  ['another than the first ends', '1Q 2P', '1S 2P', ['notify']],
  ['the last one ends', '1P', '1S', ['notify', 'notify-next']],
  ['the last one is deleted', '1Q', '', ['notify', 'notify-next']],
])('%s: %j to %j sends %j', (_event, before, after, expected) => {
  expect(send(before, after).map(({ topic }) => topic.replace('$aws/things/t/jobs/', ''))).toEqual(expected);
});

test('with nothing pending, notify has no jobs and notify-next no execution', () => {
  expect(send('1P', '').map(({ payload }) => payload)).toEqual([{ timestamp: 9, jobs: {} }, { timestamp: 9 }]);
});

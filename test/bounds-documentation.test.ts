import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VERSIONS_KEPT } from '../src/agent/execution-updates.ts';
import { FAILURES_KEPT } from '../src/agent/retry.ts';
import { validateConfig } from '../src/config/validate.ts';
import { STABLE_MS } from '../src/connection/backoff.ts';
import { TOLD_KEPT } from '../src/connection/mqttjs-connection.ts';
import { SUSPECTS_KEPT } from '../src/connection/refusal.ts';
import { TRIES_KEPT } from '../src/execution/plugin-asking.ts';
import { PRUNED_EVERY } from '../src/execution/workspace.ts';
import { ABANDONED_MS } from '../src/handlers/download/part-file.ts';
import { MAX_SAVED_BYTES } from '../src/handlers/plugins/values.ts';
import { PENDING_LIST_LIMIT } from '../src/jobs/model.ts';
import { DAMAGED_KEPT } from '../src/journal/damaged-copies.ts';
import { SETTLED_FORGOTTEN_AT_ONCE, SETTLED_KEPT } from '../src/journal/durable-journal.ts';
import { CHECKPOINT_PAGES, LOG_LIMIT_BYTES } from '../src/journal/journal-database.ts';
import { QUEUED_KEPT } from '../src/journal/pending-list.ts';
import { TAIL_BYTES } from '../src/system/output-tail.ts';

const KIB = 1024;
/** Of a list in a maintenance window: five more (src/simulator/jobs/jobs-state.ts). */
const IN_WINDOW = PENDING_LIST_LIMIT + 5;
const page = readFileSync(join(import.meta.dirname, '../docs/configuration.md'), 'utf8');
const section = /^## What is kept, and for how long$(.*?)^## /ms.exec(page)?.[1] ?? '';
const rows = [...section.matchAll(/^\| (.+?) \| (.+) \|$/gm)]
  .map(([, what = '', bound = '']) => ({ what, bound }))
  .filter(({ what }) => what !== 'What');

const executionLogs = (): readonly number[] => {
  const required = { thingName: 'a', endpoint: 'b', certificatePath: 'c', privateKeyPath: 'd' };
  const validated = validateConfig(required, '/');
  if (!validated.ok) throw new Error(validated.problems.join('\n'));
  const { maxKilobytesPerExecution, keepFiles, keepMegabytes, keepDays } = validated.config.executionLogs;
  return [maxKilobytesPerExecution, keepFiles, keepMegabytes, keepDays];
};

/** The numbers of each row, in their order, by how the row begins. */
const BOUNDS: Readonly<Record<string, readonly number[]>> = {
  'Executions that are over': [SETTLED_KEPT, SETTLED_FORGOTTEN_AT_ONCE],
  'Executions that the service has named': [QUEUED_KEPT],
  'Executions that have begun': [PENDING_LIST_LIMIT, IN_WINDOW],
  'What a plug-in has saved': [MAX_SAVED_BYTES / KIB],
  'The journal’s log': [CHECKPOINT_PAGES, 1, LOG_LIMIT_BYTES / KIB],
  'Damaged journals': [DAMAGED_KEPT],
  'Logs of executions': [...executionLogs(), PRUNED_EVERY],
  'Scratch directories': [],
  'Children that run': [],
  'Progress that could not be sent': [],
  'The end of what a program writes': [TAIL_BYTES / KIB],
  'Failures of executions': [FAILURES_KEPT],
  'Tries of executions': [TRIES_KEPT],
  'Versions of executions': [VERSIONS_KEPT],
  'Topics that may be forbidden': [SUSPECTS_KEPT],
  'Faults of the connection': [TOLD_KEPT, STABLE_MS / 1000],
};

it('says of each thing that is kept what the code keeps', () => {
  const said = rows.map(({ what, bound }) => [what, numbers(bound)]);
  const starts = Object.keys(BOUNDS);
  const meant = rows.map(({ what }) => [what, BOUNDS[starts.find((start) => plain(what).startsWith(start)) ?? '']]);
  expect(said).toEqual(meant);
  expect(rows).toHaveLength(starts.length);
});

it('says when a download that was cut off is given up', () => {
  expect(section).toContain(`once it is ${ABANDONED_MS / 3_600_000} hours old`);
});

function numbers(text: string): number[] {
  return [...text.matchAll(/\d[\d,]*/g)].map(([number]) => Number(number.replaceAll(',', '')));
}

function plain(text: string): string {
  return text.replaceAll("'", '’');
}

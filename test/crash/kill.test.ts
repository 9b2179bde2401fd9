import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allCases, type Case } from './cases.ts';
import { type Actual, Lane } from './lane.ts';
import { Service } from './service.ts';

const LANES = Number(process.env['LANES'] ?? 6);

const { kills, errors } = allCases();
const filter = process.env['CASES'];
const all = [...kills, ...errors].filter(({ title }) => filter === undefined || title.includes(filter));
const results = new Map(all.map((one) => [one, Promise.withResolvers<{ actual: Actual; log: string }>()]));

let directory: string;
let service: Service;
let lanes: Lane[];
let running: Promise<void>[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'crash-'));
  const names = Array.from({ length: LANES }, (_, index) => `lane-${index + 1}`);
  service = new Service(join(directory, 'simulator'), names);
  await service.start();
  const cache = join(directory, 'compile-cache');
  mkdirSync(cache);
  lanes = names.map((name) => new Lane(name, service, join(directory, name), cache));
  const queue = [...all];
  running = lanes.map(async (lane) => {
    for (let one = queue.shift(); one; one = queue.shift()) {
      const actual = await lane.run(one);
      results.get(one)?.resolve({ actual, log: lane.log() });
    }
  });
});

afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.close()));
  await service.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function check(one: Case): Promise<void> {
  const result = await results.get(one)?.promise;
  if (!result) throw new Error('it was not run');
  const { lines, trace, status, reason } = one.expected;
  expect(result.actual, result.log).toEqual({ lines, trace, status, reason });
}

describe('the agent', () => {
  for (const one of all) test(one.title, () => check(one));
});

test('nothing is left behind', async () => {
  await Promise.all(running);
  const left = await Promise.all(lanes.map((lane) => lane.close()));
  expect(left.flat()).toEqual([]);
});

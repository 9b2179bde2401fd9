import { afterEach, beforeEach, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

/**
 * Real processes against a service whose messages are lost. Every fault at every message of a job's life:
 * test/faults/messages.test.ts, in one process and without real waits.
 */
const JOBS = '$aws/things/pi/jobs';
let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => lab.close());

const fault = (rule: object) => lab.control('POST', 'faults', rule);
const create = (jobId: string) => lab.createJob(jobId, commands(lab.append(jobId, jobId)));

/** The job ran once, and the service knows it. */
async function ranOnce(jobId: string): Promise<void> {
  expect((await lab.outcome(jobId, 45_000)).status).toBe('SUCCEEDED');
  expect(lab.lines(jobId)).toEqual([jobId]);
}

it.each([
  ['the answer to the result is lost', { kind: 'never', topic: `${JOBS}/+/update/accepted`, skip: 1 }],
  [
    'the connection is cut after the claim arrived',
    { kind: 'cut', direction: 'in', topic: `${JOBS}/+/update`, when: 'after' },
  ],
])(
  'a job runs once and is reported although %s',
  async (_event, rule) => {
    await fault(rule);
    lab.startAgent();
    await create('job');
    await ranOnce('job');
  },
  60_000,
);

it('every message of a job is in the log of the simulator, with its direction and client', async () => {
  await lab.startReadyAgent();
  await create('job');
  await ranOnce('job');
  const { messages } = (await lab.control('GET', 'messages?client=pi')) as {
    messages: { direction: string; topic?: string; time: string }[];
  };
  const seen = messages.map(({ direction, topic }) => `${direction} ${String(topic).replace(`${JOBS}/`, '')}`);
  for (const message of ['in get', 'out get/accepted', 'out notify-next', 'in job/update', 'out job/update/accepted']) {
    expect(seen).toContain(message);
  }
});

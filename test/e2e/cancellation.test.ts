import { readFileSync } from 'node:fs';
import { CancelJobCommand } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start();
});
afterAll(() => lab.close());

it('ends the running step’s whole process group, reports nothing false, and the next job has its turn', async () => {
  const agent = await lab.startReadyAgent();
  // A shell that outlives a TERM of its own, and a child of it: only a signal to the group reaches both.
  const script = `sh -c 'echo $$ > ${lab.file('pid')}; exec sleep 300' & echo $$ > ${lab.file('leader')}; wait`;
  await lab.createJob('long', commands(['sh', '-c', script], lab.append('order', 'never')));
  await expect.poll(() => lab.lines('pid')).toHaveLength(1);
  await lab.createJob('next', commands(lab.append('order', 'next')));
  await lab.iot.send(new CancelJobCommand({ jobId: 'long', force: true }));
  expect(await lab.outcome('next')).toMatchObject({ status: 'SUCCEEDED' });
  expect(await lab.execution('long')).toMatchObject({ status: 'CANCELED' });
  expect(lab.lines('order')).toEqual(['next']);
  for (const name of ['pid', 'leader']) expect(isAlive(Number(lab.lines(name)[0]))).toBe(false);
  expect(await agent.message('a running job is no longer wanted')).toMatchObject({ jobId: 'long' });
  await agent.line((line) => line['msg'] === 'reported' && line['jobId'] === 'next', 'report of the next job');
  expect(agent.log.filter((line) => line['msg'] === 'reported').map((line) => line['jobId'])).toEqual(['next']);
});

/** A zombie that nobody has reaped runs no more. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

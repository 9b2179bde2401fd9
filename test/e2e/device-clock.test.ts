import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands, Lab, type ThingAgentProcess } from '../support/lab.ts';

/** libfaketime of Debian's package `faketime`: it gives a process a wall clock of its own, and leaves the monotonic one. */
const LIBRARY = ['/usr/lib', '/usr/lib64']
  .filter((directory) => existsSync(directory))
  .flatMap((directory) => readdirSync(directory).map((name) => `${directory}/${name}/faketime/libfaketime.so.1`))
  .find((file) => existsSync(file));
const canFake = LIBRARY !== undefined || process.env['REQUIRE_FAKETIME'] !== undefined;

let lab: Lab;
let agent: ThingAgentProcess;

beforeAll(async () => {
  lab = await Lab.start();
});
afterAll(() => lab.close());

/** `-10y`, or a date: from there the clock goes on. */
function setClock(time: string): void {
  writeFileSync(lab.file('clock'), `${time}\n`);
}

describe.runIf(canFake)('a device whose clock is wrong', () => {
  it('from 1970 says that a certificate is not valid yet, goes on trying, and runs jobs once its clock is set', async () => {
    setClock('@1970-01-01 00:00:10');
    await lab.createJob('early', commands(lab.append('early', 'ran')));
    agent = lab.startAgent({}, clockOfItsOwn());
    const line = await agent.message(/not valid yet|not yet valid/);
    expect(JSON.stringify(line)).toMatch(/CERTIFICATE_NOT_YET_VALID/);
    expect(JSON.stringify(line)).toMatch(/clock/);
    setClock('+0');
    expect(await lab.outcome('early')).toMatchObject({ status: 'SUCCEEDED' });
    expect(lab.lines('early')).toEqual(['ran']);
  });

  it.each(['+10y', '-10y'])('that jumps by %s amid a step ends no wait early or late', async (jump) => {
    const jobId = `jump${jump.replace(/\W/, jump.startsWith('+') ? 'Up' : 'Down')}`;
    const script = `touch ${lab.file(`${jobId}-began`)}; until [ -e ${lab.file(`${jobId}-go`)} ]; do sleep 0.05; done`;
    const steps = (timeoutSeconds: number, words: string[]) => ({
      action: { name: 'A', type: 'runCommand', input: { command: words }, timeoutSeconds },
    });
    await lab.createJob(jobId, {
      version: '1.0',
      steps: [steps(600, ['sh', '-c', script]), steps(1, ['sleep', '300'])],
    });
    await expect.poll(() => existsSync(lab.file(`${jobId}-began`)), { timeout: 40_000 }).toBe(true);
    setClock(jump);
    // The first step's 600 seconds are not over; the second one's single second ends though the clock says otherwise.
    writeFileSync(lab.file(`${jobId}-go`), '');
    const { status, details } = await lab.outcome(jobId);
    expect({ status, reason: details['reason'] }).toEqual({
      status: 'FAILED',
      reason: 'step 2 "A": timed out after 1 s',
    });
    setClock('+0');
  });

  function clockOfItsOwn(): NodeJS.ProcessEnv {
    if (LIBRARY === undefined) throw new Error('faketime is not installed');
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: lab.file('clock'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }
});

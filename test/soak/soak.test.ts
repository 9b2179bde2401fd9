import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Simulator } from '../../src/simulator/simulator.ts';
import { fastDirectory } from '../support/fast-directory.ts';
import { Network } from '../support/world/network.ts';
import { Operator } from '../support/world/operator.ts';
import { type Reading, SoakedAgent } from './soaked-agent.ts';

const THING = 'pi';
const JOBS = Number(process.env['SOAK_JOBS'] ?? 10_000);
/** Lost connections, evenly spread. */
const LOSSES = Math.round(JOBS / 50);
/** Jobs that are made and have not ended: a few more than the service lists at once. */
const OPEN = 40;
const READINGS = 20;
/** The settled executions that the journal keeps are all there after this many; nothing is flat before. */
const FILLING = 1_200;

/** Of the job with this number, from 0: all that an agent can be given, in turn. */
function document(index: number) {
  return {
    steps: 1 + (index % 4),
    fails: index % 10 === 3,
    tells: index % 5 === 0,
    saves: index % 7 === 0,
    refused: index % 25 === 7,
  };
}

function outcome(index: number): string {
  const { fails, refused } = document(index);
  if (refused) return 'REJECTED';
  return fails ? 'FAILED' : 'SUCCEEDED';
}

/** What a connection may look like to the agent that is lost again and again. */
const LOSS = /^(CONNECTION_LOST|CLIENT_ID_TAKEN|PUBLISH_CLOSED): /;

const jobId = (index: number): string => `soak-${String(index).padStart(6, '0')}`;

describe(`one agent, ${JOBS} jobs and ${LOSSES} lost connections`, () => {
  const directory = fastDirectory('soak-');
  const network = new Network();
  const readings: { readonly ended: number; readonly reading: Reading }[] = [];
  let simulator: Simulator;
  let operator: Operator;
  let agent: SoakedAgent;
  let outcomes: Map<string, string>;

  beforeAll(async () => {
    const dataDirectory = join(directory, 'simulator');
    simulator = new Simulator({ dataDirectory });
    const { mqttPort, httpPort, caPath } = await simulator.start();
    await simulator.addThing(THING);
    operator = new Operator(() => `http://127.0.0.1:${httpPort}`, THING);
    const port = await network.start(mqttPort);
    const thing = join(dataDirectory, 'things', THING);
    agent = await SoakedAgent.start({
      ...{ thingName: THING, endpoint: '127.0.0.1', port, rootCaPath: caPath },
      ...{ certificatePath: join(thing, 'certificate.pem'), privateKeyPath: join(thing, 'private.key') },
      stateDirectory: join(directory, 'state'),
      jobs: { concurrency: 4 },
    });
    await soak();
    const executions = await operator.executions();
    outcomes = new Map(executions.map((execution) => [execution.jobId, execution.status]));
  }, 1_800_000);

  afterAll(async () => {
    await agent?.stop();
    await network.stop();
    await simulator?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Keeps jobs open, cuts the connection now and then, and reads what the agent holds each time that all have ended. */
  async function soak(): Promise<void> {
    const began = performance.now();
    let made = 0;
    let cuts = 0;
    for (let number = 1; number <= READINGS; number += 1) {
      const goal = Math.round((JOBS * number) / READINGS);
      while (agent.ended < goal && agent.isAlive) {
        const room = Math.min(goal - made, OPEN - (made - agent.ended));
        const next = agent.nextEnd();
        if (room > OPEN / 2 || (room > 0 && made + room === goal)) {
          await Promise.all(
            Array.from({ length: room }, (_, index) => operator.createJob(jobId(made + index), document(made + index))),
          );
          made += room;
          continue;
        }
        await next;
        if (agent.ended < ((cuts + 1) * JOBS) / LOSSES - JOBS / LOSSES / 2) continue;
        cuts += 1;
        network.cut();
      }
      readings.push({ ended: agent.ended, reading: await agent.read() });
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      if (process.env['SOAK_TELL'])
        process.stderr.write(`${seconds} s ${JSON.stringify(readings.at(-1))}
`);
    }
    expect(cuts).toBe(LOSSES);
  }

  /** The least that was read in a quarter: what was about to be let go of is not in it. */
  function least(of: keyof Reading, from: number, to: number): number {
    const within = readings.filter(({ ended }) => ended > Math.max(from, FILLING) && ended <= to);
    return Math.min(...within.map(({ reading }) => reading[of]));
  }

  function growth(of: keyof Reading): number {
    return least(of, (JOBS * 3) / 4, JOBS) - least(of, 0, JOBS / 4);
  }

  it('ends every job as it should, once', () => {
    expect(agent.troubles.filter((trouble) => !LOSS.test(trouble))).toEqual([]);
    expect(outcomes.size).toBe(JOBS);
    const wrong = Array.from({ length: JOBS }, (_, index) => index)
      .filter((index) => outcomes.get(jobId(index)) !== outcome(index))
      .map((index) => `${jobId(index)} ${outcomes.get(jobId(index))}, not ${outcome(index)}`);
    expect(wrong).toEqual([]);
  });

  const isLong = JOBS / 4 > FILLING;

  // Between the readings that are compared lie three quarters of the jobs: 100 bytes for each would be 750,000.

  it.runIf(isLong)('has a heap of the same size in the last quarter as in the first', () => {
    expect(growth('heap')).toBeLessThan(50 * JOBS);
  });

  // Pages of V8's heap and of malloc's are given back late or never, so that this moves by some megabytes by itself: what
  // it would show is memory that V8 does not count (TLS, SQLite), 2 KiB of it for each job or 80 for each connection.
  it.runIf(isLong)('has as much resident memory', () => {
    expect(growth('resident')).toBeLessThan(16 * 1024 * 1024);
  });

  it.runIf(isLong)('has as many open descriptors', () => {
    expect(growth('descriptors')).toBeLessThan(10);
  });

  // Logs of executions are held against their bounds after each tenth end: up to ten more may be there.
  it.runIf(isLong)('has as many files and directories in its state directory', () => {
    expect(growth('inodes')).toBeLessThan(30);
  });

  it.runIf(isLong)('has as many bytes in its state directory, and in its journal', () => {
    expect(growth('bytes')).toBeLessThan(50 * JOBS);
    expect(growth('journal')).toBeLessThan(50 * JOBS);
  });
});

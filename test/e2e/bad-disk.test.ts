import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab, type ThingAgentProcess } from '../support/lab.ts';
import { describeWith } from '../support/requirements.ts';
import { Tmpfs } from '../support/tmpfs.ts';

const LONG = 60_000;

let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => lab.close());

const holds = (agent: ThingAgentProcess, text: string, times: number) =>
  expect.poll(() => agent.log.filter((line) => line['msg'] === text).length, { timeout: 30_000 }).toBe(times);
const FAILS = 'the storage fails: no new job is taken until it does not';
const WORKS = 'the storage can be used again: jobs are taken';

/** The step of a job that waits for a file, after it has said that it is there. */
const waitFor = (name: string) => [
  'sh',
  '-c',
  `echo waiting >> ${lab.file('out')}; until [ -e ${lab.file(name)} ]; do sleep 0.05; done`,
];
const written = (text: string) => expect.poll(() => lab.lines('out'), { timeout: 30_000 }).toContain(text);

/** Nothing is proved by a job that is QUEUED still, but by one that came after the agent has heard of it. */
async function staysQueued(agent: ThingAgentProcess, jobId: string): Promise<void> {
  const heard = agent.log.filter((line) => /^pending jobs$|could not take in/.test(String(line['msg']))).length;
  await lab.createJob(jobId, commands(lab.append('out', jobId)));
  await expect
    .poll(() => agent.log.filter((line) => /^pending jobs$|could not take in/.test(String(line['msg']))).length, {
      timeout: 30_000,
    })
    .toBeGreaterThan(heard);
  await agent.message(FAILS);
  expect((await lab.execution(jobId)).status).toBe('QUEUED');
  expect(agent.child.exitCode).toBeNull();
}

describeWith('ROOT', 'a state directory on a disk of its own', () => {
  let disk: Tmpfs;

  beforeEach(() => {
    disk = new Tmpfs('size=1m');
  });

  afterEach(() => disk.close());

  const stateDirectory = () => join(disk.path, 'state');

  it(
    'that is full at the start leaves the agent connected and its jobs queued, until there is room; and again later',
    async () => {
      disk.fill(0);
      const agent = lab.startAgent({ stateDirectory: stateDirectory() });
      await agent.message(/^connected$/);
      await staysQueued(agent, 'first');
      disk.empty();
      expect((await lab.outcome('first', LONG)).status).toBe('SUCCEEDED');
      await holds(agent, WORKS, 1);

      disk.fill(8);
      await staysQueued(agent, 'second');
      disk.empty();
      expect((await lab.outcome('second', LONG)).status).toBe('SUCCEEDED');
      expect(lab.lines('out')).toEqual(['first', 'second']);
      await holds(agent, FAILS, 2);
      expect(agent.log.filter((line) => line['msg'] === 'connected')).toHaveLength(1);
    },
    LONG * 2,
  );

  it(
    'that is read-only leaves the agent connected and its jobs queued, until it is not',
    async () => {
      mkdirSync(stateDirectory());
      disk.remount('ro');
      const agent = lab.startAgent({ stateDirectory: stateDirectory() });
      await agent.message(/^connected$/);
      await staysQueued(agent, 'job');
      expect(String(agent.log.find((line) => line['msg'] === FAILS)?.['trouble'])).toMatch(/EROFS|read-only|readonly/i);
      disk.remount('rw');
      expect((await lab.outcome('job', LONG)).status).toBe('SUCCEEDED');
    },
    LONG * 2,
  );
});

describeWith('STRACE', 'a disk that fails while a job runs', () => {
  it(
    'holds the job up, which says why, and loses nothing of it',
    async () => {
      const stateDirectory = lab.file('state');
      const agent = await lab.startReadyAgent({ stateDirectory });
      await lab.createJob('job', commands(lab.append('out', 'one'), waitFor('go'), lab.append('out', 'three')));
      await written('waiting');
      const failing = await failWrites(agent, stateDirectory);
      writeFileSync(lab.file('go'), '');
      await agent.message('the journal cannot be written', LONG);
      await agent.message(FAILS, LONG);
      await expect
        .poll(async () => (await lab.execution('job')).statusDetails?.detailsMap?.['storage'], { timeout: LONG })
        .toContain('look at the disk');
      expect((await lab.execution('job')).status).toBe('IN_PROGRESS');
      await failing.end();
      expect(await lab.outcome('job', LONG)).toMatchObject({ status: 'SUCCEEDED' });
      expect(lab.lines('out')).toEqual(['one', 'waiting', 'three']);
      expect(readdirSync(stateDirectory).filter((name) => name.includes('damaged'))).toEqual([]);
    },
    LONG * 2,
  );

  /** From now on the agent's writes to its journal fail as on a disk that the kernel has made read-only. */
  async function failWrites(agent: ThingAgentProcess, stateDirectory: string): Promise<{ end(): Promise<void> }> {
    const database = join(stateDirectory, 'journal.sqlite');
    const trace = lab.file('trace');
    const strace = spawn('strace', [
      ...['-p', String(agent.child.pid), '-o', trace, '-P', database, '-P', `${database}-wal`],
      ...['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:error=EROFS'],
    ]);
    let said = '';
    strace.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ended = new Promise<void>((resolve) => strace.once('close', () => resolve()));
    await expect.poll(() => said, { timeout: 30_000 }).toContain('attached');
    return {
      end: () => {
        expect(readFileSync(trace, 'utf8')).toContain('INJECTED');
        strace.kill('SIGINT');
        return ended;
      },
    };
  }
});

describe('a journal that is damaged while the agent is down', () => {
  it(
    'is set aside: what was running FAILS and runs no step again, its cleanup runs, and the next job has its turn',
    async () => {
      const stateDirectory = lab.file('state');
      const first = await lab.startReadyAgent({ stateDirectory });
      const note = ['sh', '-c', 'echo noted > "$JOB_SCRATCH_DIR/note"'];
      const document = commands(lab.append('out', 'one'), note, waitFor('never'), lab.append('out', 'three'));
      // What the steps have left in the scratch directory is there for the cleanup.
      const tidy = ['sh', '-c', `echo "tidied what was $(cat "$JOB_SCRATCH_DIR/note")" >> ${lab.file('out')}`];
      await lab.createJob('job', {
        ...(document as object),
        cleanup: [{ action: { name: 'tidy', type: 'runCommand', input: { command: tidy } } }],
      });
      await written('waiting');
      await first.stop('SIGKILL');
      await lab.createJob('next', commands(lab.append('out', 'next')));
      const path = join(stateDirectory, 'journal.sqlite');
      writeFileSync(path, 'damage');

      const agent = lab.startAgent({ stateDirectory });
      const { status, details } = await lab.outcome('job', LONG);
      expect(status).toBe('FAILED');
      expect(details['reason']).toMatch(
        /^the journal of this device was lost or damaged while the job was in progress/,
      );
      expect((await lab.outcome('next', LONG)).status).toBe('SUCCEEDED');
      expect(lab.lines('out')).toEqual(['one', 'waiting', 'tidied what was noted', 'next']);
      const line = await agent.message(/is damaged and set aside/);
      expect(line).toMatchObject({ level: 'error', file: `${path}.damaged-1` });
      expect(readFileSync(`${path}.damaged-1`, 'utf8')).toBe('damage');
      expect(existsSync(`${path}.damaged-1-wal`)).toBe(true);

      // Whatever else was left is tidied by a start whose journal knows what is in use.
      const left = join(stateDirectory, 'scratch', 'gone-1');
      mkdirSync(left);
      await agent.stop('SIGTERM');
      await lab.startReadyAgent({ stateDirectory });
      expect(existsSync(left)).toBe(false);
    },
    LONG * 2,
  );
});

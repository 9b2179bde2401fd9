import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab, type ThingAgentProcess } from '../support/lab.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => {
  // What a test wants to live on is not to outlive the test.
  if (existsSync(lab.file('daemons'))) for (const pid of lab.lines('daemons')) process.kill(Number(pid), 'SIGKILL');
  return lab.close();
});

const written = (name: string, count: number) => expect.poll(() => lab.lines(name)).toHaveLength(count);

async function killAgent(agent: ThingAgentProcess): Promise<void> {
  expect(await agent.stop('SIGKILL')).toBe('SIGKILL');
}

/**
 * A step that holds a lock for as long as any process of it lives (they inherit the descriptor), and says when it was
 * not the only one. Its first start goes on for ever, and the next ends at once. Nothing is written to the pipes, which
 * are closed with the agent: SIGPIPE would end it before we do.
 */
const exclusive = (whileFirst: string) => [
  'sh',
  '-c',
  `exec 9> ${lab.file('lock')} 2> /dev/null
   flock --nonblock 9 || echo overlap >> ${lab.file('out')}
   echo "start $JOB_ATTEMPT" >> ${lab.file('out')}
   if [ "$JOB_ATTEMPT" = 1 ]; then ${whileFirst}; fi
   echo "end $JOB_ATTEMPT" >> ${lab.file('out')}`,
];

describe('what a killed agent has left running', () => {
  it('has time to end by itself before its step starts again', async () => {
    const agent = await lab.startReadyAgent();
    const politely = `trap 'sleep 0.3; echo "end 1" >> ${lab.file('out')}; exit' TERM; while :; do echo x > ${lab.file('trapped')}; sleep 0.05; done`;
    await lab.createJob('job', commands(exclusive(politely)));
    await written('trapped', 1);
    await killAgent(agent);

    const next = lab.startAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['start 1', 'end 1', 'start 2', 'end 2']);
    expect(await next.message('a program has outlived the agent that started it')).toMatchObject({
      jobId: 'job',
      executionNumber: '1',
      step: '1',
    });
  });

  it('is killed with all that it has forked when it does not go', async () => {
    const agent = await lab.startReadyAgent();
    const stubborn = `trap '' TERM; (trap '' TERM; echo x > ${lab.file('forked')}; sleep 300) & timeout 300 sleep 300; while :; do sleep 0.05; done`;
    await lab.createJob('job', commands(exclusive(stubborn)));
    await written('forked', 1);
    await killAgent(agent);

    lab.startAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['start 1', 'start 2', 'end 2']);
  });

  it('by an earlier step, which had finished, runs on', async () => {
    const leave = (how: string) => [
      'sh',
      '-c',
      `${how} sleep 300 < /dev/null > /dev/null 2>&1 3>&- & echo $! >> ${lab.file('daemons')}`,
    ];
    const document = commands(leave('setsid'), leave(''), exclusive('kill -9 $PPID; sleep 300'));
    const agent = await lab.startReadyAgent();
    await lab.createJob('job', document);
    expect(await agent.ended).toBe('SIGKILL');

    lab.startAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['start 1', 'start 2', 'end 2']);
    expect(lab.lines('daemons').map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8'))).toEqual([
      'sleep\n',
      'sleep\n',
    ]);
  });

  it('is a plug-in’s process too, whose code never yields', async () => {
    const plugin = lab.file('stuck.mjs');
    writeFileSync(
      plugin,
      `import { appendFileSync } from 'node:fs';
       export default {
         name: 'stuck',
         accepts: () => true,
         async run({ attempt }) {
           appendFileSync(${JSON.stringify(lab.file('pids'))}, process.pid + '\\n');
           while (attempt === 1);
         },
       };`,
    );
    const changes = { handlers: { plugins: [plugin] } };
    const agent = await lab.startReadyAgent(changes);
    await lab.createJob('job', {});
    await written('pids', 1);
    await killAgent(agent);
    const [pid] = lab.lines('pids');
    expect(existsSync(`/proc/${pid}`)).toBe(true);

    lab.startAgent(changes);
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('pids')).toHaveLength(2);
    await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false);
  });
});

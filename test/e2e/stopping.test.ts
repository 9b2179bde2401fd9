import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => lab.close());

const waitFor = (name: string) => [
  'sh',
  '-c',
  `echo waiting >> ${lab.file('out')}; until [ -e ${lab.file(name)} ]; do sleep 0.05; done`,
];
const written = (text: string) =>
  expect
    .poll(() => {
      try {
        return lab.lines('out');
      } catch {
        return [];
      }
    })
    .toContain(text);

/** A zombie that nobody reaps has no command line any more. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

describe('SIGTERM', () => {
  it('lets the running step end, exits 0, and the next start goes on behind it', async () => {
    const agent = await lab.startReadyAgent();
    await lab.createJob('job', commands(lab.append('out', 'one'), waitFor('go'), lab.append('out', 'three')));
    await written('waiting');
    agent.child.kill('SIGTERM');
    await agent.message('stopping');
    writeFileSync(lab.file('go'), '');
    expect(await agent.ended).toBe(0);
    expect(lab.lines('out')).toEqual(['one', 'waiting']);
    expect((await lab.execution('job')).status).toBe('IN_PROGRESS');

    lab.startAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['one', 'waiting', 'three']);
  });

  it('cuts a step off after the configured grace, and the next start runs that step again', async () => {
    const agent = await lab.startReadyAgent({ jobs: { stopGraceSeconds: 0 } });
    await lab.createJob('job', commands(lab.append('out', 'one'), waitFor('go'), lab.append('out', 'three')));
    await written('waiting');
    expect(await agent.stop()).toBe(0);
    writeFileSync(lab.file('go'), '');

    lab.startAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['one', 'waiting', 'waiting', 'three']);
  });

  it('that the running program gets in the same moment cuts its step off: it runs again after the next start', async () => {
    const agent = await lab.startReadyAgent();
    const [shell = '', option = '', wait = ''] = waitFor('go');
    await lab.createJob('job', commands([shell, option, `echo $$ > ${lab.file('pid')}; ${wait}`]));
    await written('waiting');
    // As systemd does it with KillMode=control-group, and a host that shuts down: the program may be the first to go.
    process.kill(Number(readFileSync(lab.file('pid'), 'utf8')), 'SIGTERM');
    expect(await agent.stop()).toBe(0);
    expect((await lab.execution('job')).status).toBe('IN_PROGRESS');
    writeFileSync(lab.file('go'), '');

    lab.startAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['waiting', 'waiting']);
  });

  it('does not let another handler finish what one began: without its own that job FAILS and says so', async () => {
    const greedy = (name: string, run: string) => {
      const path = lab.file(`${name}.mjs`);
      writeFileSync(path, `export default { name: "${name}", accepts: () => true, run() { ${run} } };`);
      return { plugins: [path] };
    };
    const jobs = { stopGraceSeconds: 0 };
    let agent = await lab.startReadyAgent({ jobs });
    await lab.createJob('of-ours', commands(lab.append('out', 'one'), waitFor('go')));
    await written('waiting');
    expect(await agent.stop()).toBe(0);
    writeFileSync(lab.file('go'), '');

    agent = lab.startAgent({ jobs, handlers: greedy('first', 'return new Promise(() => undefined);') });
    expect((await lab.outcome('of-ours')).status).toBe('SUCCEEDED');
    await lab.createJob('of-its', { any: 'document' });
    await agent.line(({ handler, msg }) => handler === 'first' && msg === 'running', 'start of the plug-in');
    expect(await agent.stop()).toBe(0);

    lab.startAgent({ handlers: greedy('second', '') });
    expect(await lab.outcome('of-its')).toMatchObject({
      status: 'FAILED',
      details: { reason: 'interrupted under the handler first: this agent has it no longer (handlers.plugins)' },
    });
  });

  it('of an agent whose plug-in holds a timer still ends it', async () => {
    const plugin = lab.file('restless.mjs');
    writeFileSync(
      plugin,
      'setInterval(() => {}, 1000); export default { name: "restless", accepts: () => false, run() {} };',
    );
    const agent = await lab.startReadyAgent({ handlers: { plugins: [plugin] } });
    expect(await agent.stop()).toBe(0);
  });

  it('twice ends the agent and the running step at once', async () => {
    const agent = await lab.startReadyAgent();
    await lab.createJob(
      'job',
      commands(['sh', '-c', `echo $$ > ${lab.file('pid')}; echo waiting > ${lab.file('out')}; sleep 600`]),
    );
    await written('waiting');
    agent.child.kill('SIGTERM');
    await agent.message('stopping');
    expect(await agent.stop('SIGTERM')).toBe(143);
    const pid = Number(readFileSync(lab.file('pid'), 'utf8'));
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

describe('a result', () => {
  it('waits in the outbox through a disconnect and a restart of the agent, and is then reported', async () => {
    const agent = await lab.startReadyAgent();
    await lab.createJob('job', commands(waitFor('go')));
    await written('waiting');
    await lab.stopSimulator();
    writeFileSync(lab.file('go'), '');
    await agent.message('finished');
    expect(await agent.stop()).toBe(0);

    await lab.startSimulator();
    expect((await lab.execution('job')).status).toBe('IN_PROGRESS');
    lab.startAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['waiting']);
  });

  it('is reported by the same agent when the service comes back', async () => {
    const agent = await lab.startReadyAgent();
    await lab.createJob('job', commands(waitFor('go')));
    await written('waiting');
    await lab.stopSimulator('SIGKILL');
    writeFileSync(lab.file('go'), '');
    await agent.message('finished');
    await lab.startSimulator();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
  });
});

import { chmodSync, existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { CancelJobCommand } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, documentOf, HandlerLab, handler, shell, step } from '../support/handler-lab.ts';
import type { ThingAgentProcess } from '../support/lab.ts';
import { isRoot } from '../support/root.ts';

/** Programs of jobs, from the document to what the cloud reads: what each part does by itself its own tests show. */
let lab: HandlerLab;
let agent: ThingAgentProcess;

const HOST_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

beforeAll(async () => {
  lab = await HandlerLab.start();
  // As nobody, too, a program must reach its scratch directory.
  chmodSync(lab.directory, 0o711);
  writeFileSync(lab.file('boot-id'), 'first\n');
  agent = startAgent();
});

afterAll(async () => {
  for (const pid of lab.lines('pids')) end(Number(pid));
  await lab?.close();
});

function startAgent(): ThingAgentProcess {
  return lab.startAgent(
    {
      jobs: { concurrency: 8 },
      handlers: { directory: lab.folder('handlers'), allowedDirectories: [lab.folder('allowed')] },
      reboot: {
        command: ['sh', '-c', `echo second > '${lab.file('boot-id')}'; echo asked >> '${lab.file('reboots')}'`],
        bootIdPath: lab.file('boot-id'),
      },
    },
    { PATH: HOST_PATH, FLEET_TOKEN: 'of-the-agent-alone' },
  );
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Shell that notes the process for the end of the tests, and runs on. */
const lasting = () => `echo $$ >> '${lab.file('pids')}'; exec sleep 300`;
const waitsFor = (name: string) => `until [ -e '${lab.file(name)}' ]; do sleep 0.05; done`;
const reasons = (ends: Record<string, { status: string; details: Record<string, string> }>) =>
  Object.fromEntries(Object.entries(ends).map(([id, { status, details }]) => [id, [status, details['reason']]]));

/** When the device noted this of an execution, in milliseconds. */
function timeOf(jobId: string, what: RegExp): number {
  const line = lab
    .executionLog(jobId)
    .split('\n')
    .find((one) => what.test(one));
  return Date.parse(line?.split(' ')[0] ?? '');
}

describe('the end of a program', () => {
  it('by exit code: only 0 succeeds, 21 of a handler is another try later', async () => {
    const codes = [0, 1, 126, 127, 255];
    lab.script('handlers', 'exit.sh', `exit "$2"`);
    lab.script('handlers', 'not-now.sh', `[ "$JOB_ATTEMPT" -ge 2 ] || exit 21`);
    const jobs = Object.fromEntries(
      codes.map((code) => [`exit-${code}`, documentOf(handler('exit.sh', String(code)))]),
    );
    const later = documentOf(handler('not-now.sh'));
    const commands = { 'command-21': documentOf(shell('exit 21')), 'command-194': documentOf(shell('exit 194')) };
    const ends = await lab.run<string>({ 'exit-21': later, ...commands, ...jobs });
    expect(reasons(ends)).toEqual({
      'exit-0': ['SUCCEEDED', '1 of 1 steps succeeded'],
      'exit-1': ['FAILED', 'step 1 "step-1": exited with code 1'],
      'exit-126': ['FAILED', 'step 1 "step-1": exited with code 126'],
      'exit-127': ['FAILED', 'step 1 "step-1": exited with code 127'],
      'exit-255': ['FAILED', 'step 1 "step-1": exited with code 255'],
      'exit-21': ['SUCCEEDED', '1 of 1 steps succeeded'],
      'command-21': ['FAILED', 'step 1 "step-1": exited with code 21'],
      'command-194': ['FAILED', 'step 1 "step-1": exited with code 194'],
    });
    expect(ends['exit-1']?.details).toMatchObject({ exitCode: '1' });
    expect(lab.executionLog('exit-21')).toMatch(
      /exited with code 21: try again later[\s\S]*\(attempt 2\)[\s\S]*succeeded/,
    );
  });

  it('by any signal is a failure with the signal’s name', async () => {
    const deadly = ['HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE'];
    deadly.push('ALRM', 'TERM', 'STKFLT', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'PWR', 'SYS');
    const numbers = new Map<string, number>(Object.entries(constants.signals));
    const signals = deadly.map((name) => [`SIG${name}`, numbers.get(`SIG${name}`) ?? 0] as const);
    const jobs = signals.map(([name, number]) => [
      name,
      documentOf(shell(`ulimit -c 0; kill -${number} $$; sleep 60`)),
    ]);
    const ends = await lab.run(Object.fromEntries(jobs));
    expect(reasons(ends)).toEqual(
      Object.fromEntries(signals.map(([name]) => [name, ['FAILED', `step 1 "step-1": killed by ${name}`]])),
    );
    expect(ends['SIGSEGV']?.details).toMatchObject({ signal: 'SIGSEGV' });
  });
});

describe('the output of a program', () => {
  it('may be a gigabyte on each pipe, all of stderr first: its last 1,024 characters are told', async () => {
    const text = '0123456789 äß€😀'.repeat(200);
    const gigabyte = 'head -c 1000000000 /dev/zero';
    lab.script('handlers', 'flood.sh', `${gigabyte} >&2; ${gigabyte}; printf '%s' "$2"; printf '%s' "$2" >&2; exit 9`);
    const { flood } = await lab.run({ flood: { ...documentOf(handler('flood.sh', text)), includeStdOut: true } });
    const last = text.slice(-1024).replace(/^[\udc00-\udfff]/, '');
    expect(flood).toEqual({
      status: 'FAILED',
      details: { reason: 'step 1 "step-1": exited with code 9', exitCode: '9', stdout: last, stderr: last },
    });
    // What the local log has no room for is counted, and how the step ended is in it all the same.
    expect(lab.executionLog('flood')).toMatch(/agent: \d{9,} bytes of output were dropped[\s\S]*exited with code 9/);
  });

  it('is in the local log as a whole, and secrets are not in what the cloud gets', async () => {
    lab.script(
      'handlers',
      'chatty.sh',
      `seq 20000
      echo 'Authorization: Bearer abcdef123456' >&2
      echo 'curl https://h/f?X-Amz-Signature=deadbeef1234' >&2
      echo '{"percent":10,"message":"password=hunter2","details":{"apiToken":"tok123"}}' >&"$JOB_PROGRESS_FD"
      ${waitsFor('seen')}
      echo 'DB_PASSWORD=hunter2'
      exit 1`,
    );
    await lab.createJob('chatty', { ...documentOf(handler('chatty.sh')), includeStdOut: true });
    const told = async () => (await lab.execution('chatty')).statusDetails?.detailsMap ?? {};
    await expect.poll(told, { timeout: 60_000 }).toMatchObject({ percent: '10' });
    const underWay = await told();
    writeFileSync(lab.file('seen'), '');
    const { chatty } = await lab.outcomes(['chatty']);
    for (const secret of ['hunter2', 'abcdef123456', 'deadbeef1234', 'tok123']) {
      expect(JSON.stringify([underWay, chatty, agent.log])).not.toContain(secret);
    }
    expect(chatty.details['stdout']).toMatch(/19999 \| 20000 \| DB_PASSWORD=\[redacted\]$/);
    expect(chatty.details['stderr']).toMatch(/^Authorization: Bearer \[redacted\] \| /);
    const lines = lab.outputOf('chatty');
    expect(lines.slice(0, 20_000)).toEqual(Array.from({ length: 20_000 }, (_, index) => String(index + 1)));
  });
});

describe('a program that is no program', () => {
  it('never runs, and the reason says what is wrong', async () => {
    const directory = lab.folder('handlers');
    const mark = `touch '${lab.file('mark')}'`;
    const outside = lab.script('outside', 'outside.sh', mark);
    symlinkSync(outside, join(directory, 'link.sh'));
    for (const [name, mode] of [
      ['bare.bin', 0o755],
      ['no-exec.sh', 0o644],
      ['group.sh', 0o775],
    ] as const) {
      writeFileSync(join(directory, name), name === 'bare.bin' ? `${mark}\n\0` : `#!/bin/sh\n${mark}\n`);
      chmodSync(join(directory, name), mode);
    }
    const at = (path: string) => ({ type: 'runHandler', input: { handler: 'outside.sh', path } });
    const whole = { type: 'runHandler', input: { handler: outside, path: 'default' } };
    const ends = await lab.run({
      'no-command': documentOf(command('no-such-program', 'x')),
      'no-path': documentOf(command('/no/such/program')),
      'no-handler': documentOf(handler('no-such.sh')),
      'no-program': documentOf(handler('bare.bin')),
      'no-exec': documentOf(handler('no-exec.sh')),
      writable: documentOf(handler('group.sh')),
      'dots-in-name': documentOf(handler('../outside/outside.sh')),
      'whole-path': documentOf(whole),
      'dots-in-path': documentOf(at(`${directory}/../outside`)),
      link: documentOf(handler('link.sh')),
    });
    expect(reasons(ends)).toEqual({
      'no-command': ['FAILED', expect.stringContaining('step 1 "step-1": not found: no-such-program')],
      'no-path': ['FAILED', 'step 1 "step-1": not found: /no/such/program'],
      'no-handler': ['FAILED', `step 1 "step-1": not found: ${directory}/no-such.sh`],
      'no-program': ['FAILED', expect.stringMatching(/not a program: .*bare.bin has no #! line or binary header/)],
      'no-exec': ['FAILED', expect.stringMatching(/not permitted: .*no-exec.sh is not executable/)],
      writable: ['FAILED', expect.stringMatching(/not permitted: .*group.sh is writable by its group \(chmod g-w\)/)],
      'dots-in-name': ['REJECTED', expect.stringContaining('expected a file’s name (no slash, no NUL) or an absolute')],
      'whole-path': ['FAILED', expect.stringContaining('is outside the directories that handlers may be in')],
      'dots-in-path': ['FAILED', expect.stringContaining('is outside the directories that handlers may be in')],
      link: ['FAILED', expect.stringContaining('is outside the directories that handlers may be in')],
    });
    expect(existsSync(lab.file('mark'))).toBe(false);
  });
});

describe('a handler of AWS IoT Device Client', () => {
  it('without #! is read by sh, and one with its whole path is taken where it lies', async () => {
    const bare = join(lab.folder('allowed'), 'bare.sh');
    writeFileSync(bare, `printf '[%s]' "$@"`);
    chmodSync(bare, 0o700);
    const { here, there } = await lab.run({
      here: documentOf({ type: 'runHandler', input: { handler: 'bare.sh', args: ['$(id)'], path: dirname(bare) } }),
      there: documentOf({ type: 'runHandler', input: { handler: bare, args: ['a b'] } }),
    });
    expect([here.status, there.status]).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect([...lab.outputOf('here'), ...lab.outputOf('there')]).toEqual(['[][$(id)]', '[][a b]']);
  });
});

describe('what a program gets', () => {
  it('is its job’s identity, the step’s environment, a place of its own, and nothing of the agent’s', async () => {
    lab.script('handlers', 'shows.sh', `env | sort; ls "$JOB_SCRATCH_DIR"; : > "$JOB_SCRATCH_DIR/left"; pwd; cat`);
    const shows = { ...handler('shows.sh'), environment: { MODE: 'a b' }, workingDirectory: lab.folder('allowed') };
    const { shown } = await lab.run({
      shown: documentOf(
        shell('exit 0'),
        shows,
        command('grep', '-E', 'Sig(Blk|Ign)', '/proc/self/status'),
        command('ls', '/proc/self/fd'),
      ),
    });
    expect(shown.status).toBe('SUCCEEDED');
    const scratch = join(lab.stateDirectory, 'scratch');
    const lines = lab.outputOf('shown');
    expect(lines).toEqual(
      expect.arrayContaining([
        'JOB_ATTEMPT=1',
        'JOB_EXECUTION_NUMBER=1',
        'JOB_ID=shown',
        'JOB_PROGRESS_FD=3',
        `JOB_SCRATCH_DIR=${join(scratch, 'shown-1')}`,
        'JOB_STEP=2',
        'JOB_THING_NAME=pi',
        'MODE=a b',
        `PATH=${HOST_PATH}`,
        lab.folder('allowed'),
      ]),
    );
    expect(lines.join('\n')).not.toContain('of-the-agent-alone');
    expect(lines).not.toContain('left');
    // The descriptor of progress is the third, the last one that of the directory itself.
    expect(lines.slice(-7)).toEqual([
      expect.stringMatching(/^SigBlk:\s+0+$/),
      expect.stringMatching(/^SigIgn:\s+0+$/),
      ...['0', '1', '2', '3', '4'],
    ]);
    expect(existsSync(join(scratch, 'shown-1'))).toBe(false);
  });

  it('is one scratch directory for all steps, which is gone when the job is', async () => {
    const keeps = shell(`echo kept > "$JOB_SCRATCH_DIR/file"; mkdir -p "$JOB_SCRATCH_DIR/a/b"`);
    const reads = shell(`cat "$JOB_SCRATCH_DIR/file"; ls "$JOB_SCRATCH_DIR"`);
    await lab.run({ scratch: { ...documentOf(keeps, reads), cleanup: [step(reads)] } });
    expect(lab.outputOf('scratch')).toEqual(['kept', 'a', 'file', 'kept', 'a', 'file']);
    expect(readdirSync(join(lab.stateDirectory, 'scratch'))).toEqual([]);
  });

  it.skipIf(!isRoot())(
    'is really the user that the document names, with that user’s groups and a scratch directory',
    async () => {
      const who = `id -un; id -u; id -Gn; echo "$HOME $USER"; : > "$JOB_SCRATCH_DIR/x" && echo may write; echo '{"percent":5}' >&3`;
      const { nobody } = await lab.run({ nobody: documentOf({ ...shell(`${who}; exit 4`), runAsUser: 'nobody' }) });
      expect(nobody).toMatchObject({ status: 'FAILED', details: { exitCode: '4' } });
      const [name, uid, groups, home, scratch] = lab.outputOf('nobody');
      expect([name, groups, scratch]).toEqual(['nobody', 'nogroup', 'may write']);
      expect(uid).not.toBe('0');
      expect(home).toMatch(/ nobody$/);
      expect(readdirSync(join(lab.stateDirectory, 'scratch'))).toEqual([]);
    },
  );

  it('is no other user where the one that the document names is unknown', async () => {
    const { stranger } = await lab.run({
      stranger: documentOf({ ...command(...lab.append('stranger', 'never')), runAsUser: 'no-such-user' }),
    });
    expect(reasons({ stranger })).toEqual({
      stranger: ['FAILED', 'step 1 "step-1": not permitted: unknown user "no-such-user"'],
    });
    expect(lab.lines('stranger')).toEqual([]);
  });
});

describe('progress', () => {
  it('is with the cloud while the program runs', async () => {
    lab.script(
      'handlers',
      'slow.sh',
      `say() { echo "$1" >&"$JOB_PROGRESS_FD"; }
      say '{"percent":40,"message":"half","details":{"file":"a.bin"}}'
      ${waitsFor('forty')}
      say '{"percent":80,"details":{"file":null}}'
      ${waitsFor('eighty')}`,
    );
    await lab.createJob('slow', documentOf(handler('slow.sh')));
    const told = async () => {
      const { status, statusDetails } = await lab.execution('slow');
      return { status, ...statusDetails?.detailsMap };
    };
    const forty = { status: 'IN_PROGRESS', percent: '40', message: 'half', file: 'a.bin' };
    await expect.poll(told, { timeout: 60_000 }).toEqual(forty);
    writeFileSync(lab.file('forty'), '');
    await expect.poll(told, { timeout: 60_000 }).toEqual({ status: 'IN_PROGRESS', percent: '80', message: 'half' });
    writeFileSync(lab.file('eighty'), '');
    const { slow } = await lab.outcomes(['slow']);
    expect(slow).toEqual({ status: 'SUCCEEDED', details: { reason: '1 of 1 steps succeeded' } });
  });
});

describe('time', () => {
  it('of a program in a handler ends when TERM says so: no signal is blocked', async () => {
    const script = `started=$(date +%s); timeout 1 sleep 6; echo "$? $(($(date +%s) - started))"`;
    lab.script('handlers', 'timeout.sh', script);
    await lab.run({ timeout: documentOf(handler('timeout.sh')) });
    const [code, seconds] = lab.outputOf('timeout')[0]?.split(' ') ?? [];
    expect(code).toBe('124');
    expect(Number(seconds)).toBeLessThan(5);
  });

  it('of a job is not that of the daemon which it leaves behind with the pipes in its hands', async () => {
    const before = lab.lines('pids').length;
    const { daemon } = await lab.run({
      daemon: documentOf(shell(`sh -c '${lasting().replaceAll("'", `'\\''`)}' & echo up`)),
    });
    expect(daemon.status).toBe('SUCCEEDED');
    expect(lab.outputOf('daemon')).toEqual(['up']);
    const [started = 0, ended = 0] = [/started/, /succeeded/].map((what) => timeOf('daemon', what));
    expect(ended - started).toBeLessThan(15_000);
    await expect.poll(() => lab.lines('pids')).toHaveLength(before + 1);
    expect(existsSync(`/proc/${lab.lines('pids').at(-1)}`)).toBe(true);
  });

  it('of a step and of a document is limited, and the next try or the cleanup has its turn', async () => {
    const sleeps = (more: object) => ({ ...shell(lasting()), ...more });
    const cleanup = (id: string) => [step(command(...lab.append('cleaned', id)))];
    const ends = await lab.run({
      'step-limit': { ...documentOf(sleeps({ timeoutSeconds: 1 })), cleanup: cleanup('step-limit') },
      'document-limit': { ...documentOf(sleeps({})), timeoutSeconds: 1, cleanup: cleanup('document-limit') },
    });
    expect(reasons(ends)).toEqual({
      'step-limit': ['FAILED', 'step 1 "step-1": timed out after 1 s'],
      'document-limit': ['FAILED', 'step 1 "step-1": timed out: the document allows 1 s for all steps together'],
    });
    expect(lab.lines('cleaned').sort()).toEqual(['document-limit', 'step-limit']);
  });

  it('of a cancelled job is over, though its program ignores TERM; then comes the cleanup', async () => {
    const stubborn = `trap '' TERM; echo $$ > '${lab.file('stubborn')}'; while :; do sleep 0.1; done`;
    const cleanup = [step(command(...lab.append('cleaned-up', '$JOB_ID')))];
    await lab.createJob('stubborn', {
      ...documentOf(shell(stubborn), command(...lab.append('cleaned-up', 'never'))),
      cleanup,
    });
    await expect.poll(() => lab.lines('stubborn'), { timeout: 60_000 }).toHaveLength(1);
    await lab.iot.send(new CancelJobCommand({ jobId: 'stubborn', force: true }));
    await expect.poll(() => lab.lines('cleaned-up'), { timeout: 60_000 }).toEqual(['stubborn']);
    expect(existsSync(`/proc/${lab.lines('stubborn')[0]}`)).toBe(false);
    expect((await lab.execution('stubborn')).status).toBe('CANCELED');
  });
});

describe('after a failure', () => {
  it('the step is tried again as often as it says, and the next steps do not run', async () => {
    const fails = (times: number) => shell(`echo "attempt $JOB_ATTEMPT"; [ "$JOB_ATTEMPT" -gt ${times} ]`);
    const retry = { attempts: '2', delaySeconds: 0 };
    const ends = await lab.run({
      'third-time': documentOf({ ...fails(2), retry }, shell('echo next')),
      'not-enough': documentOf({ ...fails(3), retry }, shell('echo next')),
    });
    expect(reasons(ends)).toEqual({
      'third-time': ['SUCCEEDED', '2 of 2 steps succeeded'],
      'not-enough': ['FAILED', 'step 1 "step-1": exited with code 1'],
    });
    expect(lab.outputOf('third-time')).toEqual(['attempt 1', 'attempt 2', 'attempt 3', 'next']);
    expect(lab.outputOf('not-enough')).toEqual(['attempt 1', 'attempt 2', 'attempt 3']);
  });

  it('the cleanup runs, all of it, and its own failures are told beside the reason', async () => {
    const cleanup = [step(shell('echo first; exit 1')), step(shell('echo "second $JOB_STEP"'), 1)];
    const ends = await lab.run({
      'clean-after-failure': { ...documentOf(shell('exit 3')), cleanup },
      'clean-after-success': { ...documentOf(shell('exit 0')), cleanup },
    });
    for (const [jobId, status, reason] of [
      ['clean-after-failure', 'FAILED', 'step 1 "step-1": exited with code 3'],
      ['clean-after-success', 'SUCCEEDED', '1 of 1 steps succeeded'],
    ] as const) {
      expect(ends[jobId]).toMatchObject({
        status,
        details: { reason, cleanup: '1 of 2 cleanup steps failed: cleanup step 1 "step-1": exited with code 1' },
      });
      expect(lab.outputOf(jobId)).toEqual(['first', 'second 2']);
    }
  });
});

describe('when the agent is killed amid a step', () => {
  it('onInterrupted says what that means for the job', async () => {
    const runs = (onInterrupted: string) => ({
      ...documentOf({
        ...shell(`echo "attempt $JOB_ATTEMPT"; [ "$JOB_ATTEMPT" -gt 1 ] || { ${lasting()}; }`),
        onInterrupted,
      }),
      cleanup: [step(shell('echo cleanup'))],
    });
    const ids = ['retry', 'fail', 'skip'] as const;
    for (const id of ids) await lab.createJob(`on-${id}`, runs(id));
    for (const id of ids) {
      await expect.poll(() => lab.outputOf(`on-${id}`), { timeout: 60_000 }).toEqual(['attempt 1']);
    }
    expect(await agent.stop('SIGKILL')).toBe('SIGKILL');
    agent = startAgent();
    const ends = await lab.outcomes(ids.map((id) => `on-${id}`));
    expect(reasons(ends)).toEqual({
      'on-retry': ['SUCCEEDED', '1 of 1 steps succeeded'],
      'on-fail': ['FAILED', 'interrupted at step 1 "step-1", and its onInterrupted is "fail"'],
      'on-skip': ['SUCCEEDED', '0 of 1 steps succeeded, 1 was interrupted and skipped'],
    });
    expect(ids.map((id) => lab.outputOf(`on-${id}`))).toEqual([
      ['attempt 1', 'attempt 2', 'cleanup'],
      ['attempt 1', 'cleanup'],
      ['attempt 1', 'cleanup'],
    ]);
  });
});

describe('exit code 194', () => {
  it('is a reboot of the device, after which that step runs again and the others do not', async () => {
    lab.script('handlers', 'needs-reboot.sh', `echo "attempt $JOB_ATTEMPT"; [ "$JOB_ATTEMPT" -gt 1 ] || exit 194`);
    await lab.createJob('reboots', documentOf(shell('echo before'), handler('needs-reboot.sh'), shell('echo after')));
    await expect.poll(() => lab.lines('reboots'), { timeout: 60_000 }).toEqual(['asked']);
    expect(await agent.stop()).toBe(0);
    agent = startAgent();
    const { reboots } = await lab.outcomes(['reboots']);
    expect(reboots).toEqual({ status: 'SUCCEEDED', details: { reason: '3 of 3 steps succeeded' } });
    expect(lab.outputOf('reboots')).toEqual(['before', 'attempt 1', 'attempt 2', 'after']);
    expect(lab.lines('reboots')).toEqual(['asked']);
  });
});

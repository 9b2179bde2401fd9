import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runBuiltScript } from '../support/built-script.ts';

/**
 * An agent that is `nobody` and may become `backup`. It takes root, sudo, and a rule on this machine for as long as the
 * tests run: they do so only where that has been said (`REQUIRE_SUDO=1`).
 */
const RULE_FILE = `/etc/sudoers.d/thing-agent-test-${process.pid}`;
const RULES = `nobody ALL=(backup) NOPASSWD: ALL
nobody ALL=(games) NOPASSWD: /usr/bin/id
`;
const removeRules = () => rmSync(RULE_FILE, { force: true });

/** Runs steps as `nobody`: modules are loaded while it still may read them, wherever this repository lies. */
function asNobody(body: string): Promise<unknown> {
  return runBuiltScript(`
    const { runCommand } = await import(built('handlers/program.js'));
    const { ProcessRunner } = await import(built('system/child-process.js'));
    const { existsSync, readFileSync } = await import('node:fs');
    process.chdir('/');
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
    const none = () => undefined;
    const entry = { variables: { JOB_PROCESS: 'p' }, started: none, ended: none };
    const processes = new ProcessRunner({ killGraceMs: 2000, ledger: { open: () => entry } });
    const settings = { processes, allowedDirectories: [] };
    const run = (words, options = {}, change = {}) => runCommand(
      words,
      { user: 'backup', environment: {}, includeStdOut: true, ...options },
      {
        job: { thingName: 't', jobId: 'j', executionNumber: 1, document: {} }, stepIndex: 0, attempt: 1,
        signal: new AbortController().signal, log: { debug: none, info: none, warn: none, error: none },
        output: { write: none }, scratchDirectory: '/tmp', reportProgress: none, ...change,
      },
      settings,
    );
    const sh = (script, options, change) => run(['/bin/sh', '-c', script], options, change);
    ${body}`);
}

describe.runIf(process.env['REQUIRE_SUDO'])('through sudo', () => {
  beforeAll(() => {
    expect(process.geteuid?.(), 'REQUIRE_SUDO is set, and this is not root').toBe(0);
    expect(existsSync('/usr/bin/sudo'), 'REQUIRE_SUDO is set, and there is no sudo').toBe(true);
    process.once('exit', removeRules);
    writeFileSync(RULE_FILE, RULES, { mode: 0o440 });
    execFileSync('visudo', ['-c', '-q']);
  });
  afterAll(removeRules);

  test('it is really the user, with the job’s environment, none of it in the words of a process, and no progress', async () => {
    const script = `
      tell(await sh('id -un; id -G; echo "$USER $HOME $JOB_ID $JOB_PROCESS [$JOB_PROGRESS_FD] $NAME"; tr "\\\\0" " " </proc/$PPID/cmdline', {
        environment: { NAME: 'hidden' },
      }));`;
    const { details } = (await asNobody(script)) as { details: { stdout: string } };
    const [name, groups, environment, words] = details.stdout.split('\n');
    expect([name, groups, environment]).toEqual(['backup', '34', 'backup /var/backups j p [] hidden']);
    expect(words).toMatch(/^\/usr\/bin\/sudo -n --preserve-env=.*NAME/);
    expect(words).not.toContain('NAME=');
  });

  test.each([
    ['exit 7', 'exited with code 7'],
    ['exit 1', 'exited with code 1'],
    ['kill -KILL $$', 'killed by SIGKILL'],
    ['kill -SEGV $$', 'killed by SIGSEGV'],
  ])('%j: its end is told as its own', async (script, reason) => {
    expect(await asNobody(`tell(await sh(${JSON.stringify(script)}));`)).toMatchObject({ reason });
  });

  test('what sudo refuses is told in its words, with what to do', async () => {
    expect(await asNobody(`tell(await run(['true'], { user: 'daemon' }));`)).toMatchObject({
      outcome: 'failed',
      reason:
        'not permitted: sudo: a password is required (the agent\'s user needs a rule with NOPASSWD and SETENV in sudoers to run this as "daemon")',
    });
    // The rule for games names one command, and so does not let an environment through.
    expect(await asNobody(`tell(await run(['/usr/bin/id'], { user: 'games' }));`)).toMatchObject({
      reason: expect.stringMatching(/^not permitted: sudo: .*not allowed.*SETENV/),
    });
  });

  test('TERM reaches the whole group, once; what ignores it is killed', async () => {
    const script = `
      const aborted = (script) => {
        const controller = new AbortController();
        let said = '';
        const output = { write: (stream, chunk) => {
          said += chunk;
          if (said.includes('ready')) controller.abort();
        } };
        return sh(script, {}, { signal: controller.signal, output }).then((result) => ({ result, said }));
      };
      const heeds = await aborted('trap "echo told; exit 3" TERM; echo ready; while :; do :; done');
      const deaf = await aborted('trap "" TERM; echo $$; echo ready; while :; do sleep 0.02; done');
      const [pid] = deaf.said.split('\\n');
      const deadline = Date.now() + 10_000;
      while (existsSync('/proc/' + pid) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
      tell({ heeds, deaf: deaf.result, isGone: !existsSync('/proc/' + pid) });`;
    expect(await asNobody(script)).toEqual({
      heeds: { result: { outcome: 'interrupted' }, said: 'ready\ntold\n' },
      deaf: { outcome: 'interrupted' },
      isGone: true,
    });
  });
});

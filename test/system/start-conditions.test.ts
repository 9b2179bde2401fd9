import { expect, test } from 'vitest';
import { runBuiltScript } from '../support/built-script.ts';

/** What a program finds that is run by an agent which was itself started in an evil way. */
const RUN = `
  const { ProcessRunner } = await import(built('system/child-process.js'));
  const { closeInheritedDescriptors } = await import(built('system/descriptors.js'));
  closeInheritedDescriptors();
  const run = (...words) => new ProcessRunner().run({
    file: words[0], args: words.slice(1), env: { PATH: '/usr/bin:/bin' }, cwd: '/',
    signal: new AbortController().signal, onProgress: () => undefined,
  });`;

test('blocked and ignored signals of the agent are none of its programs', async () => {
  const script = `${RUN}
    const { stdoutTail } = await run('/bin/grep', '-E', 'Sig(Blk|Ign)', '/proc/self/status');
    tell(stdoutTail);`;
  const through = ['/usr/bin/env', '--block-signal=TERM,INT,ALRM,RTMIN', '--ignore-signal=HUP,USR1,CHLD'];
  expect(await runBuiltScript(script, { through })).toMatch(/^SigBlk:\t0{16}\nSigIgn:\t0{16}\n$/);
});

test('`timeout 1 sleep 6` ends in about a second, with TERM blocked in the agent', async () => {
  const script = `${RUN}
    const { exitCode, durationMs } = await run('/usr/bin/timeout', '1', 'sleep', '6');
    tell({ exitCode, isShort: durationMs < 5000 });`;
  const through = ['/usr/bin/env', '--block-signal=TERM'];
  expect(await runBuiltScript(script, { through })).toEqual({ exitCode: 124, isShort: true });
});

test('a program has stdin, stdout, stderr and the progress descriptor, and nothing that the agent inherited', async () => {
  const script = `${RUN}
    const { stdoutTail } = await run('/bin/sh', '-c', 'ls /proc/self/fd; readlink /proc/self/fd/0; head -c 1 | wc -c');
    tell(stdoutTail.split('\\n'));`;
  // 3 and 4 are Node's to close; 30 lies past the gap where it stops.
  const through = ['/bin/bash', '-c', 'exec 3</etc/passwd 4</etc/passwd 30</etc/passwd; exec "$@"', 'bash'];
  // The one more is the directory that ls reads.
  expect(await runBuiltScript(script, { through })).toEqual(['0', '1', '2', '3', '4', '/dev/null', '0', '']);
});

test('a program is the head of a session and process group of its own', async () => {
  const script = `${RUN}
    const { stdoutTail } = await run('/bin/sh', '-c', 'cut -d" " -f5,6 /proc/$$/stat; echo $$');
    const [ids, pid] = stdoutTail.trim().split('\\n');
    tell(ids === pid + ' ' + pid);`;
  expect(await runBuiltScript(script)).toBe(true);
});

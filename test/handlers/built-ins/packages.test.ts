import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPackageBuiltIns } from '../../../src/handlers/built-ins/packages.ts';
import type { BuiltInContext } from '../../../src/handlers/step.ts';
import { BuiltInLab, builtInNamed } from './built-in-lab.ts';

let lab: BuiltInLab;

beforeEach(async () => {
  lab = await BuiltInLab.create();
});
afterEach(() => lab.remove());

const run =
  (action: string) =>
  (packages: readonly string[], overrides: Partial<BuiltInContext> = {}) =>
    lab.run(builtInNamed(createPackageBuiltIns(), action), packages, overrides);
const install = run('installPackages');
const remove = run('removePackages');
const verifyInstalled = run('verifyPackagesInstalled');
const verifyRemoved = run('verifyPackagesRemoved');

/** A dpkg-query that knows these: name, state, version. */
async function dpkgQuery(...known: readonly (readonly [string, string, string])[]): Promise<void> {
  const cases = known.map(([name, state, version]) => `${name}) printf '${state}\\t${version}\\n';;`);
  await lab.tool('dpkg-query', `for name; do :; done\ncase $name in ${cases.join(' ')} *) exit 1;; esac`);
}

/** The lines of apt-get that do something, without the options that all have. */
async function aptCalls(): Promise<string[]> {
  const calls = await lab.calls();
  return calls.filter((call) => !call.startsWith('dpkg-query ')).map((call) => call.replace(/ -o \S+/g, ''));
}

test('apt-get asks nothing, keeps configuration files, waits for the lock, and the result is looked at', async () => {
  await lab.tool('apt-get', '[ "$1" = --version ] || echo $DEBIAN_FRONTEND $NEEDRESTART_MODE $LC_ALL >> $LAB/calls');
  await dpkgQuery(['hello', 'installed', '2.10-3'], ['bash', 'installed', '5.2']);
  expect(await install(['hello bash'])).toEqual({
    outcome: 'succeeded',
    details: { installed: 'hello 2.10-3, bash 5.2' },
  });
  const [call, environment] = await lab.calls();
  expect(call).toBe(
    'apt-get -y -q -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install -- hello bash',
  );
  expect(environment).toBe('noninteractive l C');
  expect(lab.progress).toEqual([{ phase: 'installing', packages: 'hello bash' }, { phase: 'checking' }]);
});

test('a version that the document names may be older than the installed one, and must be there in the end', async () => {
  await lab.tool('apt-get');
  await dpkgQuery(['hello', 'installed', '2.10-3']);
  expect(await install(['hello=2.9'])).toMatchObject({
    outcome: 'failed',
    reason: 'hello is installed in version 2.10-3, not 2.9',
  });
  expect(await aptCalls()).toEqual(['apt-get -y -q --allow-downgrades install -- hello=2.9']);
});

test('success of apt-get is not believed without the package', async () => {
  await lab.tool('apt-get');
  await dpkgQuery(['half', 'half-configured', '1']);
  expect(await install(['mail-transport-agent', 'half'])).toMatchObject({
    outcome: 'failed',
    reason:
      'mail-transport-agent is not installed although the package manager reported success: is it a virtual package?; half is half-configured',
  });
});

test('an unknown package is looked for once more after an update of the lists', async () => {
  await lab.tool(
    'apt-get',
    `case "$*" in
       *update) : > $LAB/updated;;
       *install*) [ -e $LAB/updated ] || { echo 'E: Unable to locate package hello' >&2; exit 100; };;
     esac`,
  );
  await dpkgQuery(['hello', 'installed', '1']);
  expect(await install(['hello'])).toMatchObject({ outcome: 'succeeded' });
  expect(await aptCalls()).toEqual([
    'apt-get -y -q install -- hello',
    'apt-get -q update',
    'apt-get -y -q install -- hello',
  ]);
  expect(lab.progress).toContainEqual({ phase: 'updating the package lists' });
});

test('a package that stays unknown fails with what apt-get says, and with what kept the update from helping', async () => {
  const unknown = `*install*) echo 'E: Unable to locate package hello' >&2; exit 100;;`;
  await lab.tool('apt-get', `case "$*" in ${unknown} esac`);
  await dpkgQuery();
  expect(await install(['hello'])).toMatchObject({
    outcome: 'failed',
    reason: 'apt-get install: exited with code 100 (E: Unable to locate package hello), also after apt-get update',
    details: { exitCode: '100' },
  });
  await lab.tool('apt-get', `case "$*" in ${unknown} *update) echo 'E: no network' >&2; exit 100;; esac`);
  expect(await install(['hello'])).toMatchObject({
    reason:
      'apt-get install: exited with code 100 (E: Unable to locate package hello), and apt-get update: exited with code 100 (E: no network)',
  });
});

test('an unknown name with a dot never reaches apt-get install, which would take it for a pattern', async () => {
  await lab.tool('apt-get');
  await lab.tool('apt-cache', '[ "$2" != in.lists ] || echo "in.lists | 1 | here"');
  await dpkgQuery(['known.so', 'installed', '1']);
  expect(await install(['x.y'])).toMatchObject({
    outcome: 'failed',
    reason: 'not found: package x.y is in none of the package lists, also after apt-get update',
  });
  expect(await aptCalls()).toEqual(['apt-cache madison x.y', 'apt-get -q update', 'apt-cache madison x.y']);
  expect(await install(['known.so'])).toMatchObject({ outcome: 'succeeded' });
  expect(await install(['in.lists', 'known.so'])).toMatchObject({ outcome: 'failed' });
  expect((await aptCalls()).at(-1)).toBe('apt-get -y -q install -- in.lists known.so');
});

test('a failure that newer lists would not mend is told at once', async () => {
  await lab.tool(
    'apt-get',
    '[ "$1" = --version ] || { echo "E: Could not open lock file - open (13: Permission denied)" >&2; exit 100; }',
  );
  await dpkgQuery();
  expect(await install(['hello'])).toMatchObject({
    outcome: 'failed',
    reason: 'apt-get install: exited with code 100 (E: Could not open lock file - open (13: Permission denied))',
  });
  expect(await aptCalls()).toHaveLength(1);
});

test('a tool that was killed, or ends with what would be a word of a handler, has failed', async () => {
  await lab.tool('apt-get', '[ "$1" = --version ] || kill -KILL $$');
  await dpkgQuery();
  expect(await install(['hello'])).toEqual({
    outcome: 'failed',
    reason: 'apt-get install: killed by SIGKILL',
    details: { signal: 'SIGKILL' },
  });
  for (const code of ['21', '194']) {
    await lab.tool('apt-get', `[ "$1" = --version ] || exit ${code}`);
    expect(await install(['hello'])).toMatchObject({ reason: `apt-get install: exited with code ${code}` });
  }
});

test('a lock that is held lets other jobs go first, but not for ever', async () => {
  const held = 'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)';
  await lab.tool('apt-get', `[ "$1" = --version ] || { echo '${held}' >&2; exit 100; }`);
  await lab.tool('dpkg');
  await dpkgQuery();
  const reason = `apt-get install: exited with code 100 (${held})`;
  expect(await install(['hello'], { attempt: 9 })).toEqual({ outcome: 'deferred', reason });
  expect(await install(['hello'], { attempt: 10 })).toMatchObject({ outcome: 'failed', reason });
});

test('dpkg is repaired before a second attempt, and when apt-get says that it must be', async () => {
  await lab.tool(
    'apt-get',
    `case "$*" in *install*) [ -e $LAB/repaired ] || { echo "E: dpkg was interrupted" >&2; exit 100; };; esac`,
  );
  await lab.tool('dpkg', ': > $LAB/repaired');
  await dpkgQuery(['hello', 'installed', '1']);
  const repair = 'dpkg --force-confdef --force-confold --configure -a';
  const work = 'apt-get -y -q install -- hello';
  expect(await install(['hello'])).toMatchObject({ outcome: 'succeeded' });
  expect(await aptCalls()).toEqual([work, repair, work]);
  expect(await install(['hello'], { attempt: 2 })).toMatchObject({ outcome: 'succeeded' });
  expect((await aptCalls()).slice(3)).toEqual([repair, work]);
});

test('an installation that is cut off is interrupted, and its process is gone', async () => {
  await lab.tool('apt-get', '[ "$1" = --version ] || { echo $$ >> $LAB/calls; while :; do /bin/sleep 0.05; done; }');
  const abort = new AbortController();
  const result = install(['hello'], { signal: abort.signal });
  const pid = await vi.waitFor(
    async () => {
      const found = Number((await lab.calls())[1]);
      expect(found).toBeGreaterThan(1);
      return found;
    },
    { timeout: 20_000, interval: 20 },
  );
  abort.abort();
  expect(await result).toEqual({ outcome: 'interrupted' });
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('a step that has been cut off before it begins runs nothing', async () => {
  await lab.tool('apt-get');
  expect(await install(['hello'], { signal: AbortSignal.abort() })).toEqual({ outcome: 'interrupted' });
  expect(await lab.calls()).toEqual([]);
});

test('what dpkg does not know is removed already; the rest is purged', async () => {
  await lab.tool('apt-get');
  await dpkgQuery(['gone', 'not-installed', ''], ['left', 'config-files', '1']);
  expect(await remove(['gone', 'hello+'])).toEqual({ outcome: 'succeeded', details: { absent: 'gone, hello+' } });
  expect(await aptCalls()).toEqual([]);
  expect(await remove(['gone', 'left'])).toMatchObject({ outcome: 'succeeded' });
  expect(await aptCalls()).toEqual(['apt-get -y -q --purge remove -- left']);
  await dpkgQuery(['bash', 'installed', '5.2']);
  expect(await remove(['bash'])).toMatchObject({
    outcome: 'failed',
    reason: 'bash is installed in version 5.2',
  });
});

test('verifying tells of every package what is not as it should be, and changes nothing', async () => {
  await lab.tool('apt-get');
  await dpkgQuery(['a', 'installed', '1'], ['b', 'unpacked', '1']);
  expect(await verifyInstalled(['a', 'a=1'])).toEqual({ outcome: 'succeeded', details: { installed: 'a 1, a 1' } });
  expect(await verifyInstalled(['a=2', 'b', 'c'])).toMatchObject({
    outcome: 'failed',
    reason: 'a is installed in version 1, not 2; b is unpacked; c is not installed',
  });
  expect(await verifyRemoved(['c'])).toEqual({ outcome: 'succeeded', details: { absent: 'c' } });
  expect(await verifyRemoved(['a', 'b', 'c'])).toMatchObject({
    outcome: 'failed',
    reason: 'a is installed in version 1; b is unpacked',
  });
  expect(await aptCalls()).toEqual([]);
  await lab.tool('dpkg-query', 'echo "dpkg-query: error: failed to open package info file" >&2; exit 2');
  expect(await verifyRemoved(['c'])).toMatchObject({
    outcome: 'failed',
    reason: 'dpkg-query: exited with code 2 (dpkg-query: error: failed to open package info file)',
  });
});

test('dnf and yum take the same documents', async () => {
  await lab.tool(
    'dnf',
    `case "$*" in
       *expire-cache) : > $LAB/fresh;;
       *install*) [ -e $LAB/fresh ] || { echo 'Error: Unable to find a match: httpd' >&2; exit 1; };;
     esac`,
  );
  const rpm = (answer: string) => lab.tool('rpm', answer);
  await rpm('echo 1:2.4-5.el9');
  expect(await install(['httpd=2.4'])).toEqual({
    outcome: 'succeeded',
    details: { installed: 'httpd 1:2.4-5.el9' },
  });
  expect((await lab.calls()).filter((call) => call.startsWith('dnf'))).toEqual([
    'dnf -y install httpd-2.4',
    'dnf clean expire-cache',
    'dnf -y install httpd-2.4',
  ]);
  for (const version of ['2.4-5.el9', '1:2.4', '1:2.4-5.el9']) {
    expect(await verifyInstalled([`httpd=${version}`])).toMatchObject({ outcome: 'succeeded' });
  }
  expect(await verifyInstalled(['httpd=2.4-5'])).toMatchObject({ outcome: 'failed' });
  await rpm('echo "package httpd is not installed"; exit 1');
  expect(await remove(['httpd'])).toMatchObject({ outcome: 'succeeded' });
  expect(await verifyRemoved(['httpd'])).toMatchObject({ outcome: 'succeeded' });
  await rpm('echo "error: cannot open Packages database" >&2; exit 1');
  expect(await verifyRemoved(['httpd'])).toMatchObject({
    outcome: 'failed',
    reason: 'rpm -q: exited with code 1 (error: cannot open Packages database)',
  });
});

test('yum is taken where there is no dnf', async () => {
  await lab.tool('yum');
  await lab.tool('rpm', 'echo 0:1-1');
  expect(await remove(['httpd'])).toMatchObject({ outcome: 'failed', reason: 'httpd is installed in version 0:1-1' });
  expect(await lab.calls()).toContain('yum -y remove httpd');
});

test('a host without a package manager that is known tells what was looked for and what is there', async () => {
  const expected = 'not found: a package manager; looked for apt-get, dnf and yum';
  const advice = 'put a handler of your own in the handler directory';
  expect(await install(['a'])).toMatchObject({ outcome: 'failed', reason: `${expected}; ${advice}` });
  await lab.tool('apk');
  expect(await verifyRemoved(['a'])).toMatchObject({
    reason: `${expected} (there is apk, which is not supported); ${advice}`,
  });
});

test('a package manager that is there and may not be run is a failure of its own', async () => {
  await lab.tool('apt-get', 'exit 0', 0o644);
  expect(await install(['a'])).toMatchObject({
    outcome: 'failed',
    reason: `apt-get: not permitted: ${lab.bin}/apt-get is not executable`,
  });
});

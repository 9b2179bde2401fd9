import { describe, expect, test } from 'vitest';
import { validateConfig } from '../../src/config/validate.ts';
import { DOCUMENT_FEATURES } from '../../src/execution/document-features.ts';
import { createDocumentParser } from '../../src/execution/document-parser.ts';
import { hostAllowed } from '../../src/execution/download-policy.ts';
import { type Policy, policyProblems } from '../../src/execution/policy.ts';
import { corpus, testBuiltIns } from './documents/corpus.ts';

const builtIns = testBuiltIns();
const parse = createDocumentParser(builtIns);

/** As a configuration with these settings alone has it. */
function policyOf(settings: object): Policy {
  const required = { thingName: 't', endpoint: 'e', certificatePath: 'c', privateKeyPath: 'k' };
  const validated = validateConfig({ ...required, policy: settings }, '/');
  if (!validated.ok) throw new Error(validated.problems.join('; '));
  return validated.config.policy;
}

function judged(settings: object, document: unknown): string[] {
  const parsed = parse(document);
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  return policyProblems(parsed.document, policyOf(settings), builtIns);
}

const steps = (...actions: object[]) => ({
  version: '1.0',
  steps: actions.map((action) => ({ action: { name: 'A', ...action } })),
});
const command = (words: string | string[], more: object = {}) =>
  steps({ type: 'runCommand', input: { command: words }, ...more });
const handler = (name: string, more: object = {}, args: string[] = []) =>
  steps({ type: 'runHandler', input: { handler: name, args }, ...more });

test('by default every valid document is taken, but for downloads over http:', () => {
  for (const { document, problems } of corpus()) if (problems.length === 0) expect(judged({}, document)).toEqual([]);
  expect(judged({}, handler('fetch-file.sh', {}, ['http://a.example/x', '/tmp/x']))).toEqual([
    'policy.allowPlainHttp is false and forbids steps[0].action: download from "a.example" over http:',
  ]);
});

describe('a rule about commands', () => {
  test('that denies has its name and its pattern in the reason', () => {
    expect(judged({ denyCommands: ['reboot', 'rm *'] }, command('rm,-rf,/'))).toEqual([
      'policy.denyCommands "rm *" forbids steps[0].action: command "rm"',
    ]);
  });

  test.each([
    ['/bin/rm,-rf'],
    ['/bin/../bin/rm,-rf'],
    ['/usr/bin//rm,x'],
    ['./rm,x'],
    ['../../../../bin/./rm,x'],
  ])('that denies a name also denies it as a path: %s', (words) => {
    expect(judged({ denyCommands: ['rm *'] }, command(words))).toHaveLength(1);
  });

  test('that denies a path denies that path however it is written, and no other', () => {
    const settings = { denyCommands: ['/bin/rm *'] };
    expect(judged(settings, command('/bin/../bin//rm,x'))).toHaveLength(1);
    expect(judged(settings, command('/usr/bin/rm,x'))).toEqual([]);
    expect(judged(settings, command('rm,x'))).toEqual([]);
  });

  test('that allows means what is written: a path is not the name, nor the name a path', () => {
    const settings = { allowCommands: ['apt-get *', '/usr/bin/id'] };
    expect(judged(settings, command('apt-get,update'))).toEqual([]);
    expect(judged(settings, command('/usr//bin/./id'))).toEqual([]);
    for (const words of [
      '/tmp/apt-get,update',
      './apt-get,update',
      'id',
      '/usr/bin/id,-u',
      'apt-get',
      '/usr/bin/../bin/id',
    ]) {
      expect(judged(settings, command(words)), words).toEqual([
        `policy.allowCommands does not allow steps[0].action: command ${JSON.stringify(words.split(',')[0])}`,
      ]);
    }
  });

  test('that allows a directory does not allow what a path from it may lead to; all is allowed by * alone', () => {
    const document = command('/usr/bin/X11/../../../tmp/id');
    expect(judged({ allowCommands: ['/usr/bin/*', '/*'] }, document)).toHaveLength(1);
    expect(judged({ allowCommands: ['/usr/bin/*', '*'] }, document)).toEqual([]);
  });

  test('is held against the words joined by single spaces, empty ones too', () => {
    expect(judged({ denyCommands: ['a  b'] }, command(['a', '', 'b']))).toHaveLength(1);
    expect(judged({ denyCommands: ['a b'] }, command(['a', '', 'b']))).toEqual([]);
    expect(judged({ denyCommands: ['*secret*'] }, command(['cat', '/etc/a\nsecret\nb']))).toHaveLength(1);
  });

  test('that denies stands above one that allows', () => {
    expect(judged({ allowCommands: ['apt-get *'], denyCommands: ['* purge*'] }, command('apt-get,purge,x'))).toEqual([
      'policy.denyCommands "* purge*" forbids steps[0].action: command "apt-get"',
    ]);
  });

  test('says nothing of handlers, nor one about handlers of commands', () => {
    expect(judged({ allowCommands: [], denyHandlers: ['id'] }, handler('a.sh'))).toEqual([]);
    expect(judged({ allowHandlers: [] }, command('id'))).toEqual([]);
  });
});

describe('a rule about handlers', () => {
  test('is held against the file name, wherever the file is and whether or not it is there', () => {
    for (const document of [handler('no-such.sh'), { operation: 'no-such.sh', path: '/opt' }]) {
      expect(judged({ denyHandlers: ['no-*'] }, document)).toHaveLength(1);
    }
    expect(judged({ denyHandlers: ['reboot.sh'] }, handler('/opt/x/../reboot.sh'))).toHaveLength(1);
    expect(judged({ allowHandlers: ['reboot.sh'] }, handler('a.sh'))).toEqual([
      'policy.allowHandlers does not allow steps[0].action: handler "a.sh"',
    ]);
  });

  test('knows a built-in by its script, however the document reaches it', () => {
    const document = steps({ type: 'beep' }, { type: 'runHandler', input: { handler: 'beep.sh' } });
    expect(judged({ denyHandlers: ['beep.sh'] }, document)).toEqual([
      'policy.denyHandlers "beep.sh" forbids steps[0].action: handler "beep.sh"',
      'policy.denyHandlers "beep.sh" forbids steps[1].action: handler "beep.sh"',
    ]);
    expect(judged({ allowHandlers: ['beep.sh'] }, document)).toEqual([]);
  });
});

test('a rule about users is held against runAsUser, and a step without one is not its business', () => {
  const document = steps(
    { type: 'runCommand', input: { command: 'id' }, runAsUser: 'root' },
    { type: 'runCommand', input: { command: 'id' }, runAsUser: '' },
    { type: 'beep', runAsUser: 'app-7' },
  );
  expect(judged({ denyUsers: ['root'] }, document)).toEqual([
    'policy.denyUsers "root" forbids steps[0].action.runAsUser: user "root"',
  ]);
  expect(judged({ allowUsers: ['app-*'] }, document)).toEqual([
    'policy.allowUsers does not allow steps[0].action.runAsUser: user "root"',
  ]);
  expect(judged({ allowUsers: [] }, document)).toHaveLength(2);
});

describe('a rule about download hosts', () => {
  const policy = (allow: string[], deny: string[] = []) => ({ allowDownloadHosts: allow, denyDownloadHosts: deny });

  test.each<[string, string, string[], string[], string | undefined]>([
    ['the name', 'files.example.com', ['files.example.com'], [], undefined],
    ['another name', 'evil.com', ['files.example.com'], [], 'policy.allowDownloadHosts'],
    ['names below', 'a.b.example.com', ['*.example.com'], [], undefined],
    ['but not the name itself', 'example.com', ['*.example.com'], [], 'policy.allowDownloadHosts'],
    ['nor one that ends alike', 'evilexample.com', ['*.example.com'], [], 'policy.allowDownloadHosts'],
    ['nor one that only begins alike', 'example.com.evil.com', ['example.com'], [], 'policy.allowDownloadHosts'],
    ['capitals', 'EXAMPLE.com', ['eXample.COM'], [], undefined],
    ['the root', 'example.com.', ['example.com'], [], undefined],
    ['an address', '[::1]', ['*'], ['::1'], 'policy.denyDownloadHosts "::1"'],
    ['a denied one among the allowed', 'a.example.com', ['*.example.com'], ['a.*'], 'policy.denyDownloadHosts "a.*"'],
    ['no hosts at all', 'example.com', [], [], 'policy.allowDownloadHosts'],
  ])('%s', (_title, host, allow, deny, rule) => {
    expect(hostAllowed(host, policy(allow, deny))).toBe(rule);
  });

  test('is held against the URL of the action and of the script’s arguments', () => {
    const document = steps(
      { type: 'fetchFile', input: { url: 'https://EVIL.example:8443/x?y=z', path: '/tmp/x' } },
      { type: 'runHandler', input: { handler: 'fetch-file.sh', args: ['https://user@evil.example/x', '/tmp/x'] } },
      { type: 'fetchFile', input: { url: 'https://good.example/x', path: '/tmp/x' } },
    );
    expect(judged({ denyDownloadHosts: ['evil.example'] }, document)).toEqual([
      'policy.denyDownloadHosts "evil.example" forbids steps[0].action: download from "evil.example"',
      'policy.denyDownloadHosts "evil.example" forbids steps[1].action: download from "evil.example"',
    ]);
  });

  test('an address in another notation is that address', () => {
    const document = steps({ type: 'fetchFile', input: { url: 'https://0x7f.1/x', path: '/tmp/x' } });
    expect(judged({ denyDownloadHosts: ['127.*'] }, document)).toHaveLength(1);
  });
});

describe('features', () => {
  const everything = {
    version: '1.0',
    timeoutSeconds: 9,
    conditions: [{ key: 'a', value: ['b'] }],
    steps: [
      {
        action: {
          name: 'A',
          type: 'runCommand',
          input: { command: 'id' },
          runAsUser: 'u',
          allowStdErr: 0,
          ignoreStepFailure: true,
          includeStdOut: true,
          retry: { attempts: 1 },
          environment: { A: 'b' },
          workingDirectory: '/tmp',
          onInterrupted: 'fail',
          pointOfNoReturn: true,
        },
      },
      { action: { name: 'B', type: 'beep' } },
    ],
    finalStep: { action: { name: 'C', type: 'runHandler', input: { handler: 'c.sh' } } },
    cleanup: [{ action: { name: 'D', type: 'beep' } }],
  };

  test.each(DOCUMENT_FEATURES.filter((feature) => feature !== 'operation'))('%s can be denied by name', (feature) => {
    const [problem, ...others] = judged({ denyFeatures: [feature] }, everything);
    expect(problem).toMatch(new RegExp(`^policy.denyFeatures "${feature}" forbids (steps|finalStep|cleanup)`));
    expect(others).toEqual([]);
  });

  test.each(DOCUMENT_FEATURES)('%s is not used by a document that says nothing of it', (feature) => {
    const plain = feature === 'runCommand' ? handler('a.sh') : command('id');
    expect(judged({ denyFeatures: [feature] }, plain)).toEqual([]);
  });

  test('the form without a version can be denied', () => {
    expect(judged({ denyFeatures: ['operation'] }, { operation: 'a.sh' })).toEqual([
      'policy.denyFeatures "operation" forbids operation',
    ]);
  });

  test('are the ones that the configuration knows, and no other name is one', () => {
    expect(policyOf({ denyFeatures: [...DOCUMENT_FEATURES] }).denyFeatures).toEqual(DOCUMENT_FEATURES);
    expect(() => policyOf({ denyFeatures: ['runScript'] })).toThrow(
      'policy.denyFeatures[0]: expected one of runHandler',
    );
  });
});

test('everything that forbids a document is told, of cleanup too', () => {
  const document = {
    ...command('rm,x', { runAsUser: 'root' }),
    cleanup: [{ action: { name: 'B', type: 'runHandler', input: { handler: 'b.sh' } } }],
  };
  const settings = { denyCommands: ['rm *'], denyUsers: ['root'], denyHandlers: ['b*'], denyFeatures: ['cleanup'] };
  expect(judged(settings, document).map((problem) => problem.split(' ')[0])).toEqual([
    'policy.denyFeatures',
    'policy.denyCommands',
    'policy.denyUsers',
    'policy.denyHandlers',
  ]);
});

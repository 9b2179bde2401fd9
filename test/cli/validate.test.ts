import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDocumentParser } from '../../src/execution/document-parser.ts';
import { judgeDocument } from '../../src/execution/document-verdict.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'validate-'));
  for (const [name, content] of Object.entries(FILES)) {
    writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  mkdirSync(join(directory, 'directory'));
  writeFileSync(join(directory, 'bytes'), Buffer.from([0x22, 0xff, 0xfe, 0x22]));
});
afterAll(() => rmSync(directory, { recursive: true }));

const action = (fields: object) => ({
  version: '1.0',
  steps: [{ action: { name: 'A', type: 'runCommand', input: { command: 'true' }, ...fields } }],
});
const BAD = { version: '2.0', steps: [{ action: { type: 'runHandler', input: { handler: 42 } } }] };
const placeholder = (form: string) => `\${aws:iot:s3-presigned-url${form}:https://s3.amazonaws.com/b/k}`;
const FILES = {
  good: action({}),
  bad: BAD,
  warned: action({ runAsUsr: 'x' }),
  plugin: { greet: 'world' },
  text: '{\n  "version": hush\n}',
  long: action({ name: 'x'.repeat(33_000) }),
  mark: `\ufeff${JSON.stringify(action({}))}`,
  url: `{"version":"${placeholder('-v2')} ${placeholder('')}"}`,
  elsewhere: { ...action({ runAsUser: 'root' }), conditions: [{ key: 'region', value: ['us'] }] },
  here: {
    ...action({}),
    conditions: [
      { key: 'region', value: ['eu'] },
      { key: 'thingName', value: ['t'] },
    ],
  },
  plain: {
    version: '1.0',
    steps: ['downloadFile', 'runHandler'].map((type) => {
      const [url, path] = ['http://www.example.com/index.html', '/tmp/index.html'];
      const input = type === 'downloadFile' ? { url, path } : { handler: 'download-file.sh', args: [url, path] };
      return { action: { name: 'A', type, input } };
    }),
  },
  script: { operation: 'install-packages.sh', args: ['-oDebug=1'] },
  config: {
    thingName: 't',
    endpoint: 'e',
    certificatePath: 'c.pem',
    privateKeyPath: 'k.pem',
    attributes: { region: 'eu' },
    policy: { denyUsers: ['root'] },
    handlers: { directory: 'handlers' },
  },
};

function validate(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join('dist/main.js'), 'validate', ...args], {
    encoding: 'utf8',
    input,
  });
  return { status, stdout: stdout.replaceAll(`${directory}/`, ''), stderr };
}
const file = (name: string) => join(directory, name);

describe('thing-agent validate', () => {
  test('ends with 0 when every document is valid; warnings are shown and change nothing', () => {
    expect(validate([file('good'), file('warned'), file('mark')])).toEqual({
      status: 0,
      stdout:
        'good: valid\nwarned: valid\n  warning: steps[0].action.runAsUsr: unknown key; did you mean runAsUser?\nmark: valid\n',
      stderr: '',
    });
  });

  test('ends with 1 when one is invalid, and tells every problem with its path', () => {
    expect(validate([file('bad'), file('good')])).toMatchObject({
      status: 1,
      stdout: [
        'bad: invalid',
        '  version: expected "1.0", got "2.0"',
        '  steps[0].action.name: expected a non-empty string, got nothing',
        '  steps[0].action.input.handler: expected a non-empty string, got 42',
        'good: valid',
        '',
      ].join('\n'),
    });
  });

  test('ends with 2 when a file cannot be read, whatever the others are, and still judges them', () => {
    const told = validate([file('none'), file('bad'), file('directory'), file('good')]);
    expect(told.status).toBe(2);
    expect(told.stdout).toContain('none: unreadable\n  cannot be read: there is no such file\n');
    expect(told.stdout).toContain('directory: unreadable\n  cannot be read: it is a directory\n');
    expect(told.stdout).toContain('bad: invalid\n');
    expect(told.stdout).toContain('good: valid\n');
    expect(validate([file('directory')]).status).toBe(2);
    const endless = validate(['/dev/zero']);
    expect([endless.status, endless.stdout]).toEqual([2, expect.stringContaining('larger than 1 MiB')]);
  });

  test('without a configuration asks no policy: what the default one forbids is a warning', () => {
    const forbids = (index: number) =>
      `policy.allowPlainHttp is false and forbids steps[${index}].action: download from "www.example.com" over http:`;
    expect(validate([file('plain')])).toEqual({
      status: 0,
      stdout: `plain: valid\n  warning: by default ${forbids(0)}\n  warning: by default ${forbids(1)}\n`,
      stderr: '',
    });
    expect(validate(['--config', file('config'), file('plain')])).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('policy.allowPlainHttp'),
    });
  });

  test('a file that is not JSON is an invalid document', () => {
    const told = validate([file('text'), file('bytes')]);
    expect(told.status).toBe(1);
    expect(told.stdout).toMatch(
      /^text: invalid\n {2}is not JSON: .+\nbytes: invalid\n {2}is not JSON: it is not UTF-8\n$/,
    );
  });

  test('reads standard input for -', () => {
    expect(validate(['-'], JSON.stringify(FILES.good))).toMatchObject({ status: 0, stdout: 'standard input: valid\n' });
    expect(validate(['-', file('good')], '').status).toBe(1);
  });

  test('says for machines what it says for people, and what the cloud would read', () => {
    const told = validate(['--json', file('good'), file('bad'), file('warned'), file('none')]);
    expect(told.status).toBe(2);
    const judged = judgeDocument(BAD, { parse: createDocumentParser([]), builtIns: [] });
    expect(JSON.parse(told.stdout)).toEqual([
      { file: 'good', verdict: 'valid', problems: [], warnings: [] },
      {
        file: 'bad',
        verdict: 'invalid',
        reason: judged.kind === 'rejected' && judged.reason,
        problems: [
          { path: 'version', message: 'expected "1.0", got "2.0"' },
          { path: 'steps[0].action.name', message: 'expected a non-empty string, got nothing' },
          { path: 'steps[0].action.input.handler', message: 'expected a non-empty string, got 42' },
        ],
        warnings: [],
      },
      {
        file: 'warned',
        verdict: 'valid',
        problems: [],
        warnings: [{ path: 'steps[0].action.runAsUsr', message: 'unknown key; did you mean runAsUser?' }],
      },
      {
        file: 'none',
        verdict: 'unreadable',
        problems: [{ path: '', message: 'cannot be read: there is no such file' }],
        warnings: [],
      },
    ]);
  });

  test('asks the conditions and the policy of a device whose configuration is named, and of no other', () => {
    const { config, ...rest } = FILES;
    expect(Object.keys(rest)).toContain('elsewhere');
    expect(config.attributes).toEqual({ region: 'eu' });
    expect(validate([file('elsewhere'), file('here')]).status).toBe(0);
    expect(validate(['--config', file('config'), file('elsewhere'), file('here')])).toMatchObject({
      status: 1,
      stdout: [
        'elsewhere: invalid',
        '  condition "region" is not met: expected "us"; this device has "eu"',
        '  policy.denyUsers "root" forbids steps[0].action.runAsUser: user "root"',
        'here: valid',
        '',
      ].join('\n'),
    });
  });

  test('asks whether a built-in takes the arguments of its script, where the device has no script of its own', () => {
    const problem = /args: install-packages\.sh: packages\[0\]: expected a package .*, got "-oDebug=1"\n$/;
    const anywhere = validate([file('script')]);
    expect([anywhere.status, anywhere.stdout]).toEqual([0, expect.stringMatching(/^script: valid\n {2}warning: args/)]);
    expect(anywhere.stdout).toMatch(problem);
    const here = validate(['--config', file('config'), file('script')]);
    expect([here.status, here.stdout]).toEqual([1, expect.stringMatching(/^script: invalid\n {2}args/)]);
    expect(here.stdout).toMatch(problem);
    mkdirSync(file('handlers'));
    writeFileSync(file('handlers/install-packages.sh'), '#!/bin/sh\n');
    expect(validate(['--config', file('config'), file('script')]).stdout).toBe('script: valid\n');
  });

  test('a configuration that is wrong is a local fault: 78', () => {
    expect(validate(['--config', file('none'), file('good')])).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('CONFIG_MISSING'),
    });
  });

  test('a document that only a plug-in could take is invalid here', () => {
    expect(validate([file('plugin')])).toMatchObject({ status: 1, stdout: expect.stringContaining('only a plug-in') });
  });

  test('a document longer than AWS IoT Jobs takes is valid, with a warning', () => {
    const told = validate([file('long')]);
    expect([told.status, told.stdout]).toEqual([0, expect.stringMatching(/warning: document: has 33\d+ characters/)]);
  });

  test('a placeholder for a presigned URL is the URL that a device would get', () => {
    expect(validate([file('url')]).stdout).toContain(
      'version: expected "1.0", got "https://s3.amazonaws.com/b/k https://s3.amazonaws.com/b/k"',
    );
  });

  test('without a file is a usage error, and its help has examples', () => {
    expect(validate([]).status).toBe(64);
    expect(validate(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('Examples:') });
  });
});

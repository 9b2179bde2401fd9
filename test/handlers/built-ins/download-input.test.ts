import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { problemsOf, problemText } from '../../../src/execution/document-problems.ts';
import { createDownloadFile } from '../../../src/handlers/built-ins/download-file.ts';
import type { DownloadSettings } from '../../../src/handlers/download/settings.ts';
import { SETTINGS } from './download-lab.ts';

const strict = {
  allowPlainHttp: false,
  hostDenied: (host: string) => (host === 'evil.example' ? 'policy.denyDownloadHosts' : undefined),
};
const good = { url: 'https://good.example/file', path: '/opt/file' };

function issues(input: unknown, settings: Partial<DownloadSettings> = {}): string[] {
  const { issues } = v.safeParse(createDownloadFile({ ...SETTINGS, ...strict, ...settings }).input, input);
  return (issues ?? []).map(({ path, message, input: got }) => {
    const shown = typeof got === 'string' ? `, got ${got}` : '';
    return `${path?.map(({ key }) => key).join('.') ?? 'input'}: ${message}${shown}`;
  });
}

test.each([
  [['https://h/f', '/opt/x'], { url: 'https://h/f', path: '/opt/x' }],
  [['https://h/f /opt/x'], { url: 'https://h/f', path: '/opt/x' }],
  [['  https://h/f   /opt/with space/x  '], { url: 'https://h/f', path: '/opt/with space/x' }],
  [['https://h/f', '/opt/with space/x'], { url: 'https://h/f', path: '/opt/with space/x' }],
  [['https://h/f', '/opt/x', 'what the script ignores'], { url: 'https://h/f', path: '/opt/x' }],
  [['https://h/f\n/opt/x'], { url: 'https://h/f', path: '/opt/x' }],
  [['https://h/f'], { url: 'https://h/f', path: undefined }],
  [[], { url: '', path: undefined }],
])("the script's arguments %j are its input", (args, input) => {
  expect(createDownloadFile(SETTINGS).fromArguments(args)).toEqual(input);
});

test('what is good has no issue, and what nobody knows is ignored', () => {
  expect(issues(good)).toEqual([]);
  const signature = 'MEUC\nIQ==';
  expect(issues({ ...good, sha256: 'aB'.repeat(32), mode: '0755', signature, comment: 'by me' })).toEqual([]);
  expect(issues({ ...good, signatureUrl: 'https://good.example/sig' })).toEqual([]);
});

test.each<[object, string[]]>([
  [{}, ['url: missing', 'path: missing']],
  [{ url: 42, path: 'relative' }, ['url: expected a string', 'path: expected an absolute path, got relative']],
  [{ ...good, path: '/a\0b' }, ['path: expected an absolute path, got /a\0b']],
  [{ ...good, url: '' }, ['url: expected a URL, got ']],
  [{ ...good, sha256: 'abc' }, ['sha256: expected 64 hexadecimal digits, got abc']],
  [{ ...good, mode: '4755' }, ['mode: expected three octal digits such as "755", got 4755']],
  [{ ...good, mode: 'u+x' }, ['mode: expected three octal digits such as "755", got u+x']],
  [{ ...good, signature: '?' }, ['signature: expected base64, got ?']],
  [
    { ...good, signature: 'AAAA', signatureUrl: 'https://good.example/s' },
    ['input: expected signature or signatureUrl and not both'],
  ],
])('the issues of %j are told', (input, expected) => {
  expect(issues(input)).toEqual(expected);
});

test.each([
  ['http://good.example/f?s=SECRET', 'url: http: is denied by policy.allowPlainHttp, got http://good.example/f'],
  [
    'https://u:SECRET@EVIL.example:8443/f',
    'url: host evil.example is denied by policy.denyDownloadHosts, got https://evil.example:8443/f',
  ],
  [
    'https://evil.example./f',
    'url: host evil.example is denied by policy.denyDownloadHosts, got https://evil.example./f',
  ],
  ['ftp://good.example/f', 'url: a URL of ftp: is not supported, got ftp://good.example/f'],
  ['file:///etc/shadow', 'url: a URL of file: is not supported, got file:///etc/shadow'],
  ['not a url ?s=SECRET', 'url: not a valid URL (it is not repeated here, as it may hold a secret)'],
])('the URL %s is refused by name and without its secrets', (url, issue) => {
  expect(issues({ ...good, url })).toEqual([issue]);
  expect(issues({ ...good, signatureUrl: url })).toEqual([issue.replace('url:', 'signatureUrl:')]);
});

test('what is no URL is not said to be in the document under another name', () => {
  const { input } = createDownloadFile(SETTINGS);
  const { issues = [] } = v.safeParse(input, { ...good, url: 'not a url ?s=SECRET' });
  expect(problemsOf(issues, input, new Set()).map(problemText)).toEqual([
    'url: not a valid URL (it is not repeated here, as it may hold a secret)',
  ]);
});

describe('what is long takes no long time', () => {
  /** Milliseconds: what is tried over again from every place takes many times that. */
  const MOST = 5_000;
  const many = 200_000;

  test.each([
    ['spaces', `u${' '.repeat(many)}`],
    ['spaces before a path', `u${' '.repeat(many)}p`],
    ['spaces in a path', `u p${' '.repeat(many)}p`],
  ])('arguments with many %s', (_what, text) => {
    const startedAt = performance.now();
    createDownloadFile(SETTINGS).fromArguments([text]);
    expect(performance.now() - startedAt).toBeLessThan(MOST);
  });

  test('a host with many dots', () => {
    const startedAt = performance.now();
    expect(issues({ ...good, url: `https://a${'.'.repeat(many)}b/` })).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(MOST);
  });
});

test('a device with a key refuses what has no signature', () => {
  const signed = { publicKeyPath: '/etc/thing-agent/downloads.pem' };
  const told =
    'input: expected signature or signatureUrl, as this device takes signed downloads only (download.publicKeyPath)';
  expect(issues(good, signed)).toEqual([told]);
  expect(issues({ ...good, signature: '', signatureUrl: '' }, signed)).toEqual([told]);
  expect(issues({ ...good, signature: 'AAAA' }, signed)).toEqual([]);
});

test('the input has a JSON Schema, but for the checks that need the policy', () => {
  const schema = toJsonSchema(createDownloadFile(SETTINGS).input, {
    typeMode: 'input',
    ignoreActions: ['raw_check', 'check'],
  });
  expect(schema).toMatchObject({ type: 'object', required: ['url', 'path'] });
  expect(Object.keys(schema.properties ?? {})).toEqual(['url', 'path', 'sha256', 'signature', 'signatureUrl', 'mode']);
});

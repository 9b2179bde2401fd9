// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of job documents are written so
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checkPlaceholders,
  parseDocumentParameters,
  parsePresignedUrlConfig,
  placeholdersIn,
  presign,
  substituteParameters,
} from '../../../src/simulator/jobs/document-substitution.ts';

const NAME = { key: 'name', description: 'd', regex: '(.){0,8}', example: 'e', optional: false };
const USER = { ...NAME, key: 'user', regex: '(.*?)', optional: true };
const DOCUMENT = '{ "args": ["${aws:iot:parameter:name}", "as ${aws:iot:parameter:user}"], "n": 1.0 }';
const S3 = 'https://s3.eu-west-1.amazonaws.com/files';

function refusal(act: () => unknown): { code?: string; message?: string } {
  try {
    act();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return {};
}

test('parameters are put in, and nothing else of the document changes', () => {
  expect(substituteParameters(DOCUMENT, { name: 'pump', user: 'root' }, [NAME, USER])).toBe(
    '{ "args": ["pump", "as root"], "n": 1.0 }',
  );
});

test('an optional parameter that is not given is an empty string', () => {
  expect(substituteParameters(DOCUMENT, { name: 'pump' }, [NAME, USER])).toContain('"as "');
});

test('whatever a value holds, it stays the content of its string', () => {
  const value = fc.string({ unit: 'binary' }).filter((text) => /^[^\p{C}\u2028\u2029]+$/u.test(text));
  fc.assert(
    fc.property(fc.oneof(value, fc.constantFrom('"', '\\', '","x":"', '${aws:iot:parameter:name}', '$&')), (user) => {
      const document: unknown = JSON.parse(substituteParameters(DOCUMENT, { name: 'n', user }, [NAME, USER]));
      expect(document).toEqual({ args: ['n', `as ${user}`], n: 1 });
    }),
  );
});

test('a placeholder is found however JSON writes it, in a key too', () => {
  const document = '{"\\u0024{aws:iot:parameter:name}": ["\\"${aws:iot:parameter:name}\\""]}';
  expect(substituteParameters(document, { name: 'x' }, [NAME])).toBe('{"x": ["\\"x\\""]}');
});

test('a parameter that is missing, unknown or does not match is refused by name', () => {
  const act = (parameters: Record<string, string>) => () => substituteParameters(DOCUMENT, parameters, [NAME, USER]);
  expect(refusal(act({ user: 'x' }))).toMatchObject({
    code: 'InvalidRequestException',
    message: 'documentParameters.name is required by the job template',
  });
  expect(refusal(act({ name: 'x', other: 'y' })).message).toBe(
    'documentParameters.other is no parameter of the job template',
  );
  expect(refusal(act({ name: 'more than 8' })).message).toContain("'more than 8' at 'documentParameters.name'");
});

test('documentParameters are a map of names to text without control characters', () => {
  expect(parseDocumentParameters(undefined)).toEqual({});
  expect(parseDocumentParameters({ 'a_B-1': 'x'.repeat(30_720) })).toEqual({ 'a_B-1': 'x'.repeat(30_720) });
  for (const wrong of [
    { 'a b': 'x' },
    { ['k'.repeat(129)]: 'x' },
    { a: '' },
    { a: 'x'.repeat(30_721) },
    { a: 'x\ny' },
    { a: 1 },
    'text',
    [],
  ]) {
    expect(refusal(() => parseDocumentParameters(wrong)).code).toBe('InvalidRequestException');
  }
});

test('each placeholder for a presigned URL is replaced by a URL for its object', () => {
  const document = JSON.stringify({
    plain: '${aws:iot:s3-presigned-url:https://s3.eu-west-1.amazonaws.com/files/a b/1%20.bin}',
    first: 'x ${aws:iot:s3-presigned-url-v1:https://s3.amazonaws.com/files/k+} y',
    second: '${aws:iot:s3-presigned-url-v2:https://s3.eu-west-1.amazonaws.com/files/a%20b/%7D+}',
    virtual: ['${aws:iot:s3-presigned-url:https://my.files.s3.us-east-2.amazonaws.com/k/l}'],
    global: '${aws:iot:s3-presigned-url:https://files.s3.amazonaws.com/k}',
    dashed: '${aws:iot:s3-presigned-url:https://s3-us-west-2.amazonaws.com/files/k}',
  });
  const urls = JSON.parse(presign(document, (...location) => JSON.stringify(location)));
  expect(urls).toEqual({
    plain: '["files","a b/1%20.bin","eu-west-1"]',
    first: 'x ["files","k+",null] y',
    second: '["files","a b/}+","eu-west-1"]',
    virtual: ['["my.files","k/l","us-east-2"]'],
    global: '["files","k",null]',
    dashed: '["files","k","us-west-2"]',
  });
});

test('a parameter may bring a placeholder, which is replaced on delivery', () => {
  const document = substituteParameters(
    '{"url":"${aws:iot:parameter:user}"}',
    { user: `\${aws:iot:s3-presigned-url:${S3}/f}` },
    [USER],
  );
  expect(placeholdersIn(document)).toEqual([{ bucket: 'files', key: 'f', region: 'eu-west-1' }]);
  expect(presign(document, (bucket, key) => `signed:${bucket}/${key}`)).toBe('{"url":"signed:files/f"}');
});

test('text that is no placeholder stays as it is', () => {
  const document = '{"a":"$${aws:iot:s3-presigned-url ${x} ${aws:iot:parameter:y} aws:iot:package:","b":"\\u0041\\/"}';
  expect(presign(document, () => 'URL')).toBe(document);
});

test('a URL that names no object is refused', () => {
  for (const url of [
    'http://s3.amazonaws.com/files/k',
    'https://example.com/files/k',
    'https://s3.amazonaws.com/files',
    'https://s3.amazonaws.com/files/',
    '',
  ]) {
    const document = JSON.stringify({ url: `\${aws:iot:s3-presigned-url-v2:${url}}` });
    expect(refusal(() => placeholdersIn(document)).code, url).toBe('InvalidRequestException');
  }
});

test('a URL of the second form must be encoded', () => {
  for (const key of ['a b', '%', '%ff', 'a?b', 'a#b']) {
    const document = JSON.stringify({ url: `\${aws:iot:s3-presigned-url-v2:${S3}/${key}}` });
    expect(refusal(() => placeholdersIn(document)).code, key).toBe('InvalidRequestException');
  }
});

test('placeholders that are not simulated are refused by name', () => {
  const document = (placeholder: string) => JSON.stringify({ x: placeholder });
  expect(refusal(() => placeholdersIn(document(`\${aws:iot:s3-presigned-url-upload:${S3}/\${jobId}}`))).message).toBe(
    'The placeholder ${aws:iot:s3-presigned-url-upload:…} is not simulated',
  );
  expect(refusal(() => placeholdersIn(document('${aws:iot:s3-presigned-url-upload}'))).message).toContain('-upload');
  expect(refusal(() => placeholdersIn(document('${aws:iot:package:p:version:v}'))).message).toContain('package');
  for (const versioned of [`-v2:${S3}/k%3FversionId%3D1`, `-v2:${S3}/k?versionId=1`, `:${S3}/k?versionId=1`]) {
    expect(refusal(() => placeholdersIn(document(`\${aws:iot:s3-presigned-url${versioned}}`))).message).toContain(
      'versionId is not simulated',
    );
  }
});

test('presigned URLs need presignedUrlConfig, and are ten at most', () => {
  const document = (count: number) =>
    JSON.stringify(Array.from({ length: count }, (_, index) => `\${aws:iot:s3-presigned-url:${S3}/${index}}`));
  for (const config of [undefined, {}]) {
    const { message } = refusal(() => checkPlaceholders(document(1), config));
    expect(message).toContain('presignedUrlConfig.roleArn is required');
  }
  expect(refusal(() => checkPlaceholders(document(11), {})).message).toContain('at most 10');
  checkPlaceholders(document(10), { roleArn: 'arn:aws:iam::123456789012:role/reader' });
  checkPlaceholders(document(0), undefined);
});

test('presignedUrlConfig is checked', () => {
  expect(parsePresignedUrlConfig(undefined)).toBeUndefined();
  const roleArn = 'arn:aws:iam::123456789012:role/jobs';
  expect(parsePresignedUrlConfig({ roleArn, expiresInSec: 60 })).toEqual({ roleArn, expiresInSec: 60 });
  for (const wrong of [{ expiresInSec: 59 }, { expiresInSec: 3601 }, { roleArn: 'short' }, { expires: 60 }, 'x']) {
    expect(refusal(() => parsePresignedUrlConfig(wrong)).code).toBe('InvalidRequestException');
  }
});

test('no text brings it down', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
      expect(presign(text, () => 'URL')).toBe(text);
    }),
  );
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isExpired } from '../../../src/handlers/download/expiry.ts';
import { answerWith, bytes, DownloadLab, sha256 } from './download-lab.ts';

const content = bytes(200_000);
const version = { content, headers: { etag: '"1"' } };
let lab: DownloadLab;
/** Signatures that the server takes. */
let good: string[];

beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
  good = [];
});
afterEach(() => lab.stop());

const EXPIRED =
  '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>60</X-Amz-Expires></Error>';
const DENIED = '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';

const presigned = (signature: string) =>
  lab.url(`/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token=tok-${signature}&X-Amz-Signature=${signature}`);

/** As S3 does; `cutAfter` bytes of each answer. */
function serve(refusal: { status: number; body: string }, cutAfter?: number): void {
  lab.handle = (request, response) => {
    const signature = new URL(request.url ?? '', lab.url()).searchParams.get('X-Amz-Signature') ?? '';
    if (good.includes(signature)) return answerWith(version, request, response, { cutAfter });
    return response.writeHead(refusal.status, { 'content-type': 'application/xml' }).end(refusal.body);
  };
}

/** The document has another URL each time that it is asked for; a number of the first ones is no good either. */
function refreshing(stale = 0) {
  const urls: string[] = [];
  return {
    urls,
    refreshInput: async () => {
      const signature = `fresh${urls.length}secret`;
      urls.push(signature);
      if (urls.length > stale) good.push(signature);
      return { url: presigned(signature), path: '/ignored' };
    },
  };
}

describe('a presigned URL that has expired', () => {
  test('is replaced by the one that the document has now', async () => {
    serve({ status: 403, body: EXPIRED });
    const { urls, refreshInput } = refreshing();
    const { result } = await lab.run({ url: presigned('stale') }, {}, { refreshInput });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { file: lab.path(), sha256: sha256(content) } });
    expect(urls).toHaveLength(1);
  });

  test('as are the credentials behind it, by 400', async () => {
    serve({
      status: 400,
      body: '<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>',
    });
    const { result } = await lab.run({ url: presigned('stale') }, {}, refreshing());
    expect(result).toMatchObject({ outcome: 'succeeded' });
  });

  test('amid a transfer: the rest comes from the fresh one', async () => {
    good.push('first');
    serve({ status: 403, body: EXPIRED }, 90_000);
    const { urls, refreshInput } = refreshing();
    const once = async () => {
      // Each URL is good for one answer.
      const input = await refreshInput();
      return input;
    };
    const handle = lab.handle;
    lab.handle = (request, response) => {
      handle(request, response);
      good = [];
    };
    const { result } = await lab.run({ url: presigned('first') }, {}, { refreshInput: once });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(urls).toHaveLength(2);
    expect(lab.ranges().filter((range) => range !== undefined)).toEqual([
      'bytes=90000-',
      'bytes=90000-',
      'bytes=180000-',
      'bytes=180000-',
    ]);
  });

  test('is not asked for for ever', async () => {
    serve({ status: 403, body: EXPIRED });
    const { urls, refreshInput } = refreshing(100);
    const { result } = await lab.run({ url: presigned('stale') }, {}, { refreshInput });
    expect(result).toMatchObject({
      outcome: 'failed',
      reason:
        'the server answered 403 Forbidden (AccessDenied: Request has expired): the URL has expired, as have 3 fresh ones in a row',
    });
    expect(urls).toHaveLength(3);
  });

  test('ends it when the document has no other', async () => {
    serve({ status: 403, body: EXPIRED });
    const url = presigned('stale');
    const refreshInput = async () => ({ url, path: '/x' });
    expect((await lab.run({ url }, {}, { refreshInput })).result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/: the URL has expired, and the job's document has no fresh one$/),
    });
    expect(lab.requests).toHaveLength(1);
  });

  test('ends it when the policy forbids the fresh one, or it is none', async () => {
    serve({ status: 403, body: EXPIRED });
    const problems = [
      [
        { url: 'https://evil.example/key?s=hidden', path: '/x' },
        'host evil.example is denied by policy.denyDownloadHosts',
      ],
      [{ url: 42, path: '/x' }, 'expected a string'],
      [null, 'expected an object'],
    ] as const;
    for (const [input, problem] of problems) {
      const hostDenied = (host: string) => (host === 'evil.example' ? 'policy.denyDownloadHosts' : undefined);
      const { result } = await lab.run({ url: presigned('s') }, { hostDenied }, { refreshInput: async () => input });
      const reason = `the URL has expired, and the job's document is no good any more: ${problem}`;
      expect(result).toMatchObject({ outcome: 'failed', reason });
    }
  });

  test('is tried again within the budget when the service cannot be asked', async () => {
    serve({ status: 403, body: EXPIRED });
    const { refreshInput } = refreshing();
    let calls = 0;
    const flaky = async () => {
      calls += 1;
      if (calls < 3) throw new Error('offline');
      return refreshInput();
    };
    expect((await lab.run({ url: presigned('s') }, {}, { refreshInput: flaky })).result).toMatchObject({
      outcome: 'succeeded',
    });
    const { result } = await lab.run({ url: presigned('s') });
    expect(result).toMatchObject({
      reason: expect.stringMatching(/the job's document cannot be asked for a fresh one; gave up after 4 tries/),
    });
  });

  test('does not hold the step when the service does not answer', async () => {
    serve({ status: 403, body: EXPIRED });
    const refreshInput = () => new Promise<unknown>(() => undefined);
    const { result } = await lab.run({ url: presigned('s') }, { timeoutMs: 100 }, { refreshInput });
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^not finished after 0\.1 s/) });
  });
});

test('a URL that is refused for another reason is not refreshed', async () => {
  serve({ status: 403, body: DENIED });
  const { urls, refreshInput } = refreshing();
  expect((await lab.run({ url: presigned('s') }, {}, { refreshInput })).result).toMatchObject({
    outcome: 'failed',
    reason: 'the server answered 403 Forbidden (AccessDenied: Access Denied)',
  });
  expect(urls).toHaveLength(0);
});

test('no secret of a URL is in reason, details, log, reports or saved progress', async () => {
  const secrets = ['s3cr3t-signature', 't0k3n-value', 'p4ssw0rd', 'a b&c=d'];
  const query = secrets.map((secret, index) => `k${index}=${encodeURIComponent(secret)}`).join('&');
  for (const status of [403, 404, 500]) {
    lab.handle = (request, response) => {
      // A server that repeats all it was asked, in several forms.
      const { url = '', headers } = request;
      const said = [url, decodeURIComponent(url), headers.authorization, ...secrets].join(' ');
      response.writeHead(status, { 'content-type': 'text/plain' }).end(said);
    };
    const url = lab.url(`/key?${query}`).replace('//', '//user:p4ssw0rd@');
    const { result, context } = await lab.run({ url }, { retry: { tries: 2, floorMs: 0, capMs: 0 } });
    expect(result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining(`the server answered ${status}`),
    });
    const told = JSON.stringify([result, context.lines, context.reports, context.saved]);
    for (const secret of [...secrets, encodeURIComponent('a b&c=d'), Buffer.from('user:p4ssw0rd').toString('base64')]) {
      expect(told).not.toContain(secret);
    }
  }
});

test.each<[string, number, string, boolean]>([
  ['https://h/k?X-Amz-Date=20260101T000000Z&X-Amz-Expires=60', 403, '', true],
  ['https://h/k?X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600', 403, '', false],
  ['https://h/k?X-Amz-Date=20260101T000000Z&X-Amz-Expires=60', 404, '', false],
  ['https://h/k?X-Amz-Date=yesterday&X-Amz-Expires=60', 403, '', false],
  ['https://h/k?Expires=1767225660&Signature=x&Key-Pair-Id=y', 403, DENIED, true],
  ['https://h/k?Expires=1767229200&Signature=x', 403, DENIED, false],
  ['https://h/k?Expires=1767225660', 403, DENIED, false],
  ['https://h/k', 403, EXPIRED, true],
  ['https://h/k', 400, '<Error><Code>ExpiredToken</Code></Error>', true],
  ['https://h/k', 403, 'your licence has expired', false],
  ['https://h/k', 500, EXPIRED, false],
])('of %s, %i %s: expired %s, at 00:10 on 1 January 2026', (url, status, body, expired) => {
  expect(isExpired(new URL(url), status, body, Date.UTC(2026, 0, 1, 0, 10))).toBe(expired);
});

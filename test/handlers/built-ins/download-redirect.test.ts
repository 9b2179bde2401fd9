import { mkdtempSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { CertificateAuthority } from '../../../src/simulator/certificate-authority.ts';
import { answerWith, bytes, DownloadLab, sha256 } from './download-lab.ts';

const content = bytes(50_000);
const version = { content, headers: { etag: '"1"' } };
let lab: DownloadLab;
let tls: Server;
let ca: string;
let tlsOrigin: string;
let handleTls: RequestListener;
let tlsRequests: string[];
const directory = mkdtempSync(join(tmpdir(), 'download-ca-'));

beforeAll(async () => {
  const authority = await CertificateAuthority.open(directory);
  ca = authority.caPem;
  tls = createServer(await authority.issueServerCertificate(['localhost']), (request, response) => {
    tlsRequests.push(request.headers.authorization ?? 'no credentials');
    handleTls(request, response);
  });
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  tlsOrigin = `https://localhost:${(tls.address() as AddressInfo).port}`;
});
afterAll(async () => {
  tls.closeAllConnections();
  await new Promise((resolve) => tls.close(resolve));
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
  tlsRequests = [];
  handleTls = (request, response) => answerWith(version, request, response);
});
afterEach(() => lab.stop());

const to =
  (location: string, status = 302): RequestListener =>
  (_request, response) =>
    response.writeHead(status, { location }).end();

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('by %i is followed, also to a relative URL', async (status) => {
    lab.handle = (request, response) => {
      if (request.url === '/a/file') return to('../b/file?x=1', status)(request, response);
      if (request.url === '/b/file?x=1') return to(`${tlsOrigin}/file`, status)(request, response);
      return response.writeHead(404).end();
    };
    const { result } = await lab.run({ url: lab.url('/a/file') }, { ca });
    expect(result).toMatchObject({
      outcome: 'succeeded',
      details: { sha256: sha256(content), url: lab.url('/a/file') },
    });
  });

  test('keeps the range and its condition on the way', async () => {
    const cuts = [20_000];
    lab.handle = (request, response) =>
      request.url === '/file'
        ? answerWith(version, request, response, { cutAfter: cuts.shift() })
        : to(lab.url('/file'))(request, response);
    expect((await lab.run({ url: lab.url('/go') })).result).toMatchObject({ details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([undefined, undefined, 'bytes=20000-', 'bytes=20000-']);
  });

  test('to a host that the policy forbids is not followed', async () => {
    lab.handle = to('https://u:pw@evil.example/file?s=SECRET');
    const hostDenied = (host: string) => (host === 'evil.example' ? 'policy.denyDownloadHosts' : undefined);
    expect((await lab.run({}, { hostDenied })).result).toMatchObject({
      outcome: 'failed',
      reason: 'redirected to https://evil.example/file: host evil.example is denied by policy.denyDownloadHosts',
    });
    expect(lab.requests).toHaveLength(1);
  });

  test('from https: to http: is not followed, whatever the policy says of http:', async () => {
    handleTls = to(lab.url());
    expect((await lab.run({ url: `${tlsOrigin}/file` }, { ca })).result).toMatchObject({
      outcome: 'failed',
      reason: `redirected to ${lab.url()}: a redirect from https: to http: is refused`,
    });
    expect(lab.requests).toHaveLength(0);
  });

  test.each(['file:///etc/passwd', 'ftp://h/f', 'data:text/plain,x'])('to %s is not followed', async (location) => {
    lab.handle = to(location);
    expect((await lab.run()).result).toMatchObject({ reason: expect.stringContaining(' is not supported') });
  });

  test('to nowhere is told', async () => {
    lab.handle = to('http://[');
    expect((await lab.run()).result).toMatchObject({ reason: `${lab.url()} redirects to what is no URL` });
    lab.handle = (_request, response) => response.writeHead(302).end();
    expect((await lab.run()).result).toMatchObject({ reason: 'the server answered 302 Found' });
  });

  test('in a circle ends after five', async () => {
    lab.handle = to(lab.url());
    expect((await lab.run()).result).toMatchObject({
      outcome: 'failed',
      reason: `more than 5 redirects, the last to ${lab.url()}`,
    });
    expect(lab.requests).toHaveLength(6);
  });
});

test("a URL's user and password go to its own server, on every try, and to no other", async () => {
  lab.handle = (request, response) =>
    to(request.url === '/file.bin' ? '/next' : `${tlsOrigin}/file`)(request, response);
  const url = lab.url().replace('//', '//us%40er:p%C3%A4ss@');
  expect((await lab.run({ url }, { ca })).result).toMatchObject({ outcome: 'succeeded', details: { url: lab.url() } });
  const basic = `Basic ${Buffer.from('us@er:päss').toString('base64')}`;
  expect(lab.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic]);
  expect(tlsRequests).toEqual(['no credentials']);
});

test('http: in a document is refused at run time too', async () => {
  const run = lab.run({}, { allowPlainHttp: false });
  await expect(run).rejects.toThrow('http: is denied by policy.allowPlainHttp');
});

describe("a server's certificate", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('that nobody vouches for ends it at once, whatever the environment says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const { result } = await lab.run({ url: `${tlsOrigin}/file` });
    expect(result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(
        /^the server's certificate is not accepted \(UNABLE_TO_VERIFY_LEAF_SIGNATURE[^;]*$/,
      ),
    });
    expect(tlsRequests).toEqual([]);
  });

  test('for another name ends it at once', async () => {
    const url = `${tlsOrigin.replace('localhost', '127.0.0.1')}/file`;
    expect((await lab.run({ url }, { ca })).result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^the server's certificate is not accepted \(ERR_TLS_CERT_ALTNAME_INVALID[^;]*$/),
    });
    expect(tlsRequests).toEqual([]);
  });
});

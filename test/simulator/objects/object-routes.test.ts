import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttpFront } from '../../../src/simulator/http/http-front.ts';
import { registerObjectRoutes } from '../../../src/simulator/http/object-routes.ts';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';
import { Objects } from '../../../src/simulator/objects/objects.ts';
import { Presigner } from '../../../src/simulator/objects/presigner.ts';

const directory = mkdtempSync(join(tmpdir(), 'thing-agent-object-routes-'));
const objects = new Objects(directory);
const clock = new MovableClock();
const faults: unknown[] = [];
let base = '';
const presigner = new Presigner(Buffer.from('secret'), clock, () => base);
let app: FastifyInstance;

beforeAll(async () => {
  app = fastify({ exposeHeadRoutes: false, forceCloseConnections: true });
  // As http-front has it: the routes need a parser of their own beside it, and beside fastify's for JSON.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.post('/text', async (request) => ({ type: typeof request.body }));
  registerObjectRoutes(app, { objects, presigner, largestObject: 100_000, onFault: (error) => faults.push(error) });
  base = await app.listen({ host: '127.0.0.1', port: 0 });
  await objects.put('files', 'ten', Readable.from([Buffer.from('0123456789')]), 100);
});

afterAll(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
  expect(faults).toEqual([]);
});

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

const signed = (key: string, seconds = 60) => presigner.url('files', key, seconds);

test('a presigned URL gives the object, with its length and tag', async () => {
  const { status, headers, body } = await get(signed('ten'));
  expect({ status, body }).toEqual({ status: 200, body: '0123456789' });
  expect(headers).toMatchObject({
    'accept-ranges': 'bytes',
    'content-length': '10',
    'content-type': 'binary/octet-stream',
    etag: expect.stringMatching(/^".+"$/),
    'last-modified': expect.stringMatching(/GMT$/),
  });
});

test('HEAD gives the same without the bytes, to a URL that was signed for HEAD', async () => {
  const url = presigner.url('files', 'ten', 60, { method: 'HEAD' });
  const response = await fetch(url, { method: 'HEAD' });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-length')).toBe('10');
  expect(await response.text()).toBe('');
  expect((await fetch(signed('ten'), { method: 'HEAD' })).status).toBe(403);
});

test('a part is given with 206, and one beyond the end refused with 416', async () => {
  const part = await get(signed('ten'), { range: 'bytes=2-4' });
  expect(part).toMatchObject({ status: 206, body: '234' });
  expect(part.headers).toMatchObject({ 'content-range': 'bytes 2-4/10', 'content-length': '3' });
  expect(await get(signed('ten'), { range: 'bytes=-2' })).toMatchObject({ status: 206, body: '89' });
  const beyond = await get(signed('ten'), { range: 'bytes=10-' });
  expect(beyond).toMatchObject({ status: 416, body: expect.stringContaining('<Code>InvalidRange</Code>') });
  expect(beyond.headers['content-range']).toBe('bytes */10');
});

test('a part of another state of the object is not given', async () => {
  const { headers } = await get(signed('ten'));
  const range = { range: 'bytes=5-' };
  const etag = String(headers['etag']);
  expect(await get(signed('ten'), { ...range, 'if-range': etag })).toMatchObject({ status: 206, body: '56789' });
  expect(await get(signed('ten'), { ...range, 'if-range': '"old"' })).toMatchObject({
    status: 200,
    body: '0123456789',
  });
  expect(await get(signed('ten'), { ...range, 'if-match': `"x", ${etag}` })).toMatchObject({ status: 206 });
  expect(await get(signed('ten'), { ...range, 'if-match': '"old"' })).toMatchObject({
    status: 412,
    body: expect.stringContaining('<Code>PreconditionFailed</Code>'),
  });
});

test('an expired URL is refused in the words of S3', async () => {
  const url = signed('ten', 60);
  clock.advance(60_000);
  const { status, headers, body } = await get(url);
  expect(status).toBe(403);
  expect(headers['content-type']).toBe('application/xml');
  expect(body).toMatch(
    /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<Error><Code>AccessDenied<\/Code><Message>Request has expired<\/Message><X-Amz-Expires>60<\/X-Amz-Expires><Expires>[^<]+Z<\/Expires><ServerTime>[^<]+Z<\/ServerTime>/,
  );
});

test('a URL with another key, or with no signature, is refused', async () => {
  expect(await get(signed('ten').replace('/ten?', '/eleven?'))).toMatchObject({
    status: 403,
    body: expect.stringContaining('<Code>SignatureDoesNotMatch</Code>'),
  });
  expect(await get(signed('ten').replace('Expires=60', 'Expires=600'))).toMatchObject({ status: 403 });
  expect(await get(`${base}/_simulator/objects/files/ten`)).toMatchObject({
    status: 403,
    body: expect.stringContaining('<Code>AccessDenied</Code><Message>Access Denied</Message>'),
  });
});

test('an object that is not there is NoSuchKey, a name that cannot be a refusal too', async () => {
  expect(await get(signed('none'))).toMatchObject({
    status: 404,
    body: expect.stringContaining('<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>'),
  });
  expect(await get(presigner.url('files', 'a//<b>', 60))).toMatchObject({
    status: 400,
    body: expect.stringContaining('&lt;b&gt;'),
  });
  expect(await get(presigner.url('B', 'k', 60))).toMatchObject({ status: 400 });
});

test.each([
  undefined,
  'application/json',
  'application/octet-stream',
  'text/plain; charset=utf-8',
])('what is put as %s is got again, byte by byte, under any name', async (type) => {
  const content = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
  const key = `dir/${'ü%+&?#'.repeat(10)} ${type?.length}`;
  const path = ['files', ...key.split('/')].map(encodeURIComponent).join('/');
  const response = await fetch(`${base}/_simulator/objects/${path}`, {
    method: 'PUT',
    body: content,
    headers: type === undefined ? {} : { 'content-type': type },
  });
  expect(response.status).toBe(200);
  const got = await fetch(signed(key));
  expect(got.headers.get('etag')).toBe(response.headers.get('etag'));
  expect(Buffer.from(await got.arrayBuffer()).equals(content)).toBe(true);
});

test('the longest key works', async () => {
  const key = `${'ü'.repeat(127)}/${'ü'.repeat(127)}/${'ü'.repeat(127)}/${'ü'.repeat(127)}`;
  const path = key.split('/').map(encodeURIComponent).join('/');
  const response = await fetch(`${base}/_simulator/objects/files/${path}`, { method: 'PUT', body: 'x' });
  expect(response.status).toBe(200);
  expect(await get(signed(key))).toMatchObject({ status: 200, body: 'x' });
});

test('an empty body makes an empty object', async () => {
  expect((await fetch(`${base}/_simulator/objects/files/empty`, { method: 'PUT' })).status).toBe(200);
  expect(await get(signed('empty'))).toMatchObject({ status: 200, body: '' });
});

/** Sends this much of a request and waits for the answer, up to the end of the connection. */
async function answerTo(...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(Number(new URL(base).port), '127.0.0.1');
  for (const part of parts) socket.write(part);
  return text(socket);
}

const PUT_LARGE = 'PUT /_simulator/objects/files/large HTTP/1.1\r\nHost: x\r\n';

test('what is told to be too large is refused before it comes', async () => {
  const answer = await answerTo(`${PUT_LARGE}Content-Length: 100001\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('<Code>EntityTooLarge</Code>');
});

test('what proves too large is refused without waiting for its end', async () => {
  const chunk = ['ea60\r\n', Buffer.alloc(60_000), '\r\n'];
  const answer = await answerTo(`${PUT_LARGE}Transfer-Encoding: chunked\r\n\r\n`, ...chunk, ...chunk);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('<Code>EntityTooLarge</Code>');
  expect(await get(signed('large'))).toMatchObject({ status: 404 });
});

test('an upload that is cut off leaves nothing and is no fault', async () => {
  const { port } = new URL(base);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('PUT /_simulator/objects/files/cut HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nhalf');
  await expect.poll(() => readdirSync(join(directory, '.uploads'))).toHaveLength(1);
  socket.destroy();
  await expect.poll(() => readdirSync(join(directory, '.uploads'))).toEqual([]);
  expect(await get(signed('cut'))).toMatchObject({ status: 404 });
  expect(faults).toEqual([]);
});

test('no path, method or header brings it down', async () => {
  const segment = fc.oneof(
    fc.constantFrom('files', 'ten', '..', '%2e%2e', '%', '%ff', '%00', '', '.uploads', '__proto__'),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
  );
  const suffix = fc.constantFrom('', '?X-Amz-Signature', '?X-Amz-Signature=a&X-Amz-Signature=b', '?__proto__=1');
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE'),
      fc.array(segment, { maxLength: 4 }),
      suffix,
      fc.constantFrom('bytes=-', 'bytes=0-', 'bytes=99999999999999999999-', 'x'),
      async (method, segments, query, range) => {
        const response = await fetch(`${base}/_simulator/objects/${segments.join('/')}${query}`, {
          method,
          headers: { range },
        });
        await response.arrayBuffer();
        expect(response.status).not.toBe(500);
      },
    ),
    { interruptAfterTimeLimit: 4_000, numRuns: 500 },
  );
});

test("on the simulator's own HTTP port a presigned URL needs no other signature", async () => {
  const front = createHttpFront({
    handlers: {},
    authenticate: () => {
      throw new Error('not asked');
    },
    ownRoutes: (scope) => registerObjectRoutes(scope, { objects, presigner }),
    answered: () => undefined,
    onFault: (error) => faults.push(error),
  });
  try {
    const origin = await front.listen({ host: '127.0.0.1', port: 0 });
    const large = await fetch(`${origin}/_simulator/objects/files/2-mib`, { method: 'PUT', body: 'x'.repeat(2 ** 21) });
    expect(large.status).toBe(200);
    const got = await fetch(signed('2-mib').replace(base, origin));
    expect((await got.arrayBuffer()).byteLength).toBe(2 ** 21);
  } finally {
    await front.close();
  }
});

test('the routes change nothing for the others', async () => {
  const response = await fetch(`${base}/text`, { method: 'POST', body: 'x', headers: { 'content-type': 'a/b' } });
  expect(await response.json()).toEqual({ type: 'string' });
});

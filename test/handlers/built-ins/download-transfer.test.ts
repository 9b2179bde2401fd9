import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answerWith, bytes, DownloadLab, sha256, type Version } from './download-lab.ts';

const content = bytes(300_000);
const version: Version = { content, headers: { etag: '"1"' } };
let lab: DownloadLab;

beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
});
afterEach(() => lab.stop());

const patient = { retry: { tries: 100, floorMs: 0, capMs: 0 } };
/** Last-Modified as a server says it of a file that has been there for a while. */
const longAgo = (days: number) => new Date(Date.UTC(2026, 0, days)).toUTCString();

describe('a connection that is cut', () => {
  test('at any offsets: the file is fetched whole, and no byte of it twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200_000 }),
        fc.array(fc.integer({ min: 0, max: 80_000 }), { maxLength: 6 }),
        fc.boolean(),
        async (length, cuts, chunked) => {
          const file: Version = { content: bytes(length, length), headers: { etag: '"e"' } };
          const left = [...cuts];
          lab.requests.length = 0;
          lab.handle = (request, response) => {
            answerWith(file, request, response, { cutAfter: left.shift(), chunked });
          };
          const { result } = await lab.run({}, patient);
          expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(file.content) } });
          expect(lab.names()).toEqual(['file.bin']);
          // Where each try began is where the one before it was cut.
          let end = 0;
          const starts = [0, ...cuts].map((cut) => (end += cut)).filter((start) => start < length || start === 0);
          expect(lab.ranges().map((range) => Number(/\d+/.exec(range ?? '0')?.[0]))).toEqual(starts);
        },
      ),
      { numRuns: 40, seed: 1 },
    );
  });

  test('without an end to it: the budget ends it, the truth is told and nothing stays', async () => {
    lab.handle = (request, response) =>
      answerWith(version, request, response, { cutAfter: request.headers.range === undefined ? 100_000 : 0 });
    const { result, context } = await lab.run();
    expect(result).toMatchObject({
      outcome: 'failed',
      reason: 'the connection was cut (ECONNRESET); gave up after 4 tries without progress',
    });
    // The first try brought the file forward: it does not count.
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=100000-', 'bytes=100000-']);
    expect(context.lines.filter((line) => line.includes('trying again'))).toHaveLength(3);
    expect(lab.names()).toEqual([]);
  });

  test('before any answer, or with nobody there', async () => {
    lab.handle = (_request, response) => response.destroy();
    expect((await lab.run()).result).toMatchObject({
      reason: expect.stringMatching(/^the connection was cut \(ECONNRESET\); gave up after 4/),
    });
    const url = 'http://127.0.0.1:1/file';
    expect((await lab.run({ url })).result).toMatchObject({
      reason: 'nothing listens at the server (ECONNREFUSED); gave up after 4 tries without progress',
    });
    // Once: a resolver may take its time over it.
    const once = { retry: { tries: 1, floorMs: 0, capMs: 0 }, lowSpeedMs: 90_000, timeoutMs: 90_000 };
    expect((await lab.run({ url: 'http://nowhere.invalid/' }, once)).result).toMatchObject({
      reason: expect.stringMatching(/^the host name cannot be resolved/),
    });
  });
});

describe('a server that lies about the length', () => {
  test('and sends less', async () => {
    lab.handle = (_request, response) => {
      response.writeHead(200, { 'content-length': '2000' });
      response.write(bytes(1000), () => response.destroy());
    };
    const { result } = await lab.run();
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('the connection was cut') });
    expect(lab.names()).toEqual([]);
  });

  test('and sends more', async () => {
    lab.handle = ({ socket }) => {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "1"\r\n\r\n${'x'.repeat(1500)}`);
    };
    const { result } = await lab.run();
    expect(result).toMatchObject({ outcome: 'failed', reason: 'the server announced 1000 bytes and sent more' });
    expect(lab.names()).toEqual([]);
    expect(lab.requests).toHaveLength(1);
  });

  test('of a range, and sends more of it', async () => {
    lab.handle = (request, response) => {
      if (request.headers.range === undefined) return answerWith(version, request, response, { cutAfter: 100_000 });
      const headers = { ...version.headers, 'content-range': 'bytes 100000-199999/300000' };
      response.writeHead(206, headers).end(content.subarray(100_000));
    };
    expect((await lab.run()).result).toMatchObject({ reason: 'the server announced 100000 bytes and sent more' });
  });

  test('of a range, and sends less of it than it could: the rest is asked for', async () => {
    lab.handle = (request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      if (start === 0) return answerWith(version, request, response, { cutAfter: 100_000 });
      const end = Math.min(start + 70_000, 300_000);
      const headers = { ...version.headers, 'content-range': `bytes ${start}-${end - 1}/300000` };
      response.writeHead(206, headers).end(content.subarray(start, end));
    };
    expect((await lab.run({ sha256: sha256(content) })).result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=170000-', 'bytes=240000-']);
  });
});

describe('a file that changes between two ranges', () => {
  const other = bytes(250_000, 7);

  /** The old one up to a cut, then the new one. */
  async function changing(before: Record<string, string>, after: Record<string, string>) {
    const versions = [
      { content, headers: before },
      { content: other, headers: after },
    ];
    lab.handle = (request, response) => {
      const [first, second] = versions;
      const isFirst = lab.requests.length === 1;
      const current = isFirst ? first : second;
      if (current) answerWith(current, request, response, isFirst ? { cutAfter: 100_000 } : {});
    };
    return lab.run({}, patient);
  }
  const conditions = () => lab.requests.map(({ headers }) => headers['if-range']);

  test.each([
    ['a strong ETag', { etag: '"1"' }, { etag: '"2"' }, '"1"'],
    ['a date', { 'last-modified': longAgo(1) }, { 'last-modified': longAgo(2) }, longAgo(1)],
    [
      'a weak ETag and a date',
      { etag: 'W/"1"', 'last-modified': longAgo(1) },
      { etag: 'W/"1"', 'last-modified': longAgo(2) },
      longAgo(1),
    ],
  ])('with %s: the server is asked by it, and the download starts over', async (_name, before, after, condition) => {
    const { result } = await changing(before, after);
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(other) } });
    expect(conditions()).toEqual([undefined, condition]);
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-']);
  });

  test.each([
    ['a weak ETag only', { etag: 'W/"1"' }, {}],
    ['nothing that tells', {}, {}],
    ['a date of the same second', { 'last-modified': new Date().toUTCString(), date: new Date().toUTCString() }, {}],
  ])('with %s: no range is asked for', async (_name, before, after) => {
    const { result } = await changing(before, after);
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(other) } });
    expect(lab.ranges()).toEqual([undefined, undefined]);
  });

  test('and a server that ignores If-Range: its range of another file is not taken', async () => {
    const longer = bytes(300_000, 9);
    lab.handle = (request, response) => {
      if (lab.requests.length === 1) return answerWith(version, request, response, { cutAfter: 100_000 });
      delete request.headers['if-range'];
      answerWith({ content: longer, headers: { etag: '"2"' } }, request, response);
    };
    const { result, context } = await lab.run();
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(longer) } });
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
    expect(context.lines.join()).toContain('the file has changed on the server, so the download starts over');
  });
});

describe('a server that does not keep to ranges', () => {
  test.each<[string, Record<string, string>]>([
    ['another range', { 'content-range': 'bytes 0-299999/300000' }],
    ['another length of the file', { 'content-range': 'bytes 100000-299999/400000' }],
    ['a range of who knows what', { 'content-range': 'bytes 100000-299999/*' }],
    ['no range', {}],
    ['several', { 'content-type': 'multipart/byteranges; boundary=x' }],
  ])('and sends %s: the download starts over', async (_name, headers) => {
    // Then the first answer does not tell the size either.
    const chunked = headers['content-range']?.endsWith('/*') ?? false;
    lab.handle = (request, response) => {
      if (request.headers.range === undefined) {
        const isFirst = lab.requests.length === 1;
        return answerWith(version, request, response, isFirst ? { cutAfter: 100_000, chunked } : {});
      }
      response.writeHead(206, { ...version.headers, ...headers }).end(content);
    };
    const { result } = await lab.run();
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
  });

  test('is asked for no range a second time', async () => {
    lab.handle = (request, response) => {
      if (request.headers.range !== undefined) return response.writeHead(206).end(content);
      return answerWith(version, request, response, lab.requests.length < 4 ? { cutAfter: 100_000 } : {});
    };
    expect((await lab.run()).result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-', undefined, undefined]);
  });

  test('and has no such bytes: the download starts over, once', async () => {
    lab.handle = (request, response) => {
      if (request.headers.range !== undefined) return response.writeHead(416).end();
      if (lab.requests.length > 1) return response.writeHead(416).end();
      return answerWith(version, request, response, { cutAfter: 100_000 });
    };
    expect((await lab.run()).result).toMatchObject({
      outcome: 'failed',
      reason: 'the server answered 416 Range Not Satisfiable',
    });
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
  });

  test('and sends a range that nobody asked for', async () => {
    lab.handle = (_request, response) => response.writeHead(206, { 'content-range': 'bytes 0-9/20' }).end(bytes(10));
    expect((await lab.run()).result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('the server sent a range that was not asked for'),
    });
    expect(lab.names()).toEqual([]);
  });
});

test.each([
  'gzip',
  'br',
  'zstd, gzip',
  'aws-chunked',
])('content stored in %s is the file as it is, by range too', async (coding) => {
  const stored = { content: gzipSync(bytes(200_000)), headers: { etag: '"1"', 'content-encoding': coding } };
  const cuts = [90_000];
  lab.handle = (request, response) => answerWith(stored, request, response, { cutAfter: cuts.shift() });
  const { result } = await lab.run({ sha256: sha256(stored.content) });
  expect(result).toMatchObject({ outcome: 'succeeded', details: { bytes: String(stored.content.length) } });
  expect(lab.content()?.equals(stored.content)).toBe(true);
  expect(lab.ranges()).toEqual([undefined, 'bytes=90000-']);
});

test('whatever the server does, a success is one version of the file, whole', async () => {
  const versions: Version[] = [1, 2, 3].map((seed) => ({
    content: bytes(150_000 + seed, seed),
    headers: { etag: `"${seed}"`, 'last-modified': longAgo(seed) },
  }));
  const good = versions.map((each) => sha256(each.content));
  const act = fc.record({
    kind: fc.constantFrom('honest', 'honest', '503', '429', 'reset', 'blind', 'ignorant', 'wrong range'),
    change: fc.integer({ min: 0, max: 9 }),
    cutAfter: fc.option(fc.integer({ min: 0, max: 160_000 }), { nil: undefined }),
    headers: fc.constantFrom<readonly string[]>(['etag', 'last-modified'], ['etag'], ['last-modified'], []),
  });
  let successes = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (script) => {
      let current = 0;
      const acts = [...script];
      lab.handle = (request, response) => {
        const next = acts.shift();
        if (next && next.change < versions.length) current = next.change;
        const whole = versions[current];
        if (!whole) throw new Error('no version');
        const shown = next?.headers ?? ['etag'];
        const file = {
          content: whole.content,
          headers: Object.fromEntries(Object.entries(whole.headers).filter(([name]) => shown.includes(name))),
        };
        switch (next?.kind) {
          case '503':
            return response.writeHead(503).end();
          case '429':
            return response.writeHead(429, { 'retry-after': '0' }).end();
          case 'reset':
            return response.destroy();
          case 'blind':
            // Gives the range whatever has become of the file, as some servers do; it says which file it is.
            delete request.headers['if-range'];
            return answerWith({ ...file, headers: whole.headers }, request, response, { cutAfter: next.cutAfter });
          case 'ignorant':
            delete request.headers.range;
            return answerWith(file, request, response, { cutAfter: next.cutAfter });
          case 'wrong range':
            return response.writeHead(206, { 'content-range': 'bytes 5-9/10' }).end('12345');
          default:
            return answerWith(file, request, response, { cutAfter: next?.cutAfter });
        }
      };
      const { result } = await lab.run({}, { retry: { tries: 6, floorMs: 0, capMs: 0 } });
      if (result.outcome === 'succeeded') {
        successes += 1;
        expect(good).toContain(sha256(lab.content() ?? Buffer.alloc(0)));
        expect(result.details['sha256']).toBe(sha256(lab.content() ?? Buffer.alloc(0)));
      }
      expect(lab.names().filter((name) => name.endsWith('.part'))).toEqual([]);
    }),
    { numRuns: 80, seed: 2 },
  );
  expect(successes).toBeGreaterThan(20);
});

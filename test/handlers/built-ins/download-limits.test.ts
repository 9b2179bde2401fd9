import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LowSpeed } from '../../../src/handlers/download/low-speed.ts';
import { ProgressReport } from '../../../src/handlers/download/progress-report.ts';
import { RetryBudget } from '../../../src/handlers/download/retry-budget.ts';
import { answerWith, bytes, DownloadLab, sha256 } from './download-lab.ts';

const content = bytes(200_000);
const version = { content, headers: { etag: '"1"' } };
let lab: DownloadLab;

beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
});
afterEach(() => lab.stop());

/** Answers each request by the next of these, then honestly. */
function script(...acts: readonly ((response: ServerResponse) => void)[]): void {
  lab.handle = (request, response) => {
    const act = acts[lab.requests.length - 1];
    if (act) act(response);
    else answerWith(version, request, response);
  };
}

describe('a server that stalls', () => {
  const quick = { lowSpeedBytesPerSecond: 1000, lowSpeedMs: 800 };

  test('amid the file: the connection is cut and the file resumed', async () => {
    script((response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': '200000' }).write(content.subarray(0, 100_000));
    });
    const { result, context } = await lab.run({}, quick);
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([undefined, 'bytes=100000-']);
    expect(context.lines.join()).toContain('slower than 1000 bytes a second for 0.8 s, so the connection was cut');
  });

  test('before it answers', async () => {
    script(() => undefined);
    expect((await lab.run({}, quick)).result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.requests).toHaveLength(2);
  });

  test('for ever: the budget ends it', async () => {
    lab.handle = () => undefined;
    expect((await lab.run({}, quick)).result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^slower than 1000 bytes a second .* gave up after 4 tries without progress$/),
    });
  });

  test('and drips just fast enough: the deadline ends it, and nothing stays', async () => {
    lab.handle = (_request, response) => {
      response.writeHead(200, { 'content-length': '200000' });
      const drip = setInterval(() => response.write('0123456789'), 5);
      response.on('close', () => clearInterval(drip));
    };
    const settings = { timeoutMs: 2_000, lowSpeedBytesPerSecond: 1, lowSpeedMs: 5_000 };
    expect((await lab.run({}, settings)).result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^not finished after 2 s, with \d+ of 200000 bytes \(download\.timeoutSeconds\)$/),
    });
    expect(lab.names()).toEqual([]);
  });
});

test('a transfer is slow when four looks in a row brought too little, and not while the disk is waited for', () => {
  const speed = new LowSpeed(1000, 4000);
  const look = (received: number) => {
    speed.received(received);
    return speed.tick();
  };
  expect([0, 0, 0].map(look)).toEqual([false, false, false]);
  expect(look(3999)).toBe(true);
  expect(look(1)).toBe(false);
  expect([0, 0].map(look)).toEqual([false, false]);
  speed.diskBusy = true;
  expect([0, 0, 0].map(look)).toEqual([false, false, false]);
  speed.diskBusy = false;
  expect(look(0)).toBe(true);
});

test('progress is told at once, and then once a second at most', () => {
  const told: object[] = [];
  let now = 5;
  const report = new ProgressReport(
    (details) => told.push(details),
    () => now,
  );
  for (const [at, bytes] of [
    [5, 0],
    [1004, 500],
    [1005, 999],
    [1500, 1000],
  ] as const) {
    now = at;
    report.at(bytes, 1000);
  }
  now = 9000;
  report.at(7, undefined);
  expect(told).toEqual([
    { percent: '0', message: 'downloading', bytes: '0 of 1000' },
    { percent: '99', message: 'downloading', bytes: '999 of 1000' },
    { message: 'downloading', bytes: '7' },
  ]);
});

describe('a server that is busy', () => {
  test.each([408, 425, 429, 500, 502, 503, 504, 507])('%i is tried again', async (status) => {
    script((response) => response.writeHead(status).end());
    expect((await lab.run()).result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.requests).toHaveLength(2);
  });

  test('and names a time, is asked again after it', async () => {
    const times: number[] = [];
    lab.handle = (request, response) => {
      times.push(performance.now());
      if (times.length === 1) response.writeHead(429, { 'retry-after': '1' }).end();
      else answerWith(version, request, response);
    };
    expect((await lab.run()).result).toMatchObject({ outcome: 'succeeded' });
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(990);
  });

  test('and names a date, which counts from the date of its answer', async () => {
    const at = (seconds: number) => new Date(Date.UTC(2001, 0, 1, 0, 0, seconds)).toUTCString();
    script((response) => response.writeHead(503, { date: at(0), 'retry-after': at(3600) }).end());
    expect((await lab.run()).result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(
        /^the server answered 503 Service Unavailable; to wait 3601 s is more than the time left/,
      ),
    });
  });

  test('until the budget is spent', async () => {
    lab.handle = (_request, response) =>
      response.writeHead(503, { 'content-type': 'text/plain' }).end('  come back\n later\u0007 ');
    expect((await lab.run()).result).toMatchObject({
      outcome: 'failed',
      reason: 'the server answered 503 Service Unavailable (come back later); gave up after 4 tries without progress',
    });
    expect(lab.requests).toHaveLength(4);
  });
});

test('waits double from the floor to the cap, jittered by half, and progress starts them anew', () => {
  const settings = { tries: 6, floorMs: 1000, capMs: 5000 };
  const waits = (random: number) => {
    const budget = new RetryBudget(settings, () => random);
    return [0, 0, 0, 0, 0, 0].map((bytes) => budget.failed(bytes));
  };
  expect(waits(0)).toEqual([500, 1000, 2000, 2500, 2500, undefined]);
  expect(waits(1)).toEqual([1000, 2000, 4000, 5000, 5000, undefined]);
  const budget = new RetryBudget(settings, () => 0);
  const bytes = [100, 200, 65_536, 65_536, 131_071, 1_000_000];
  expect(bytes.map((at) => budget.failed(at))).toEqual([500, 1000, 500, 1000, 2000, 500]);
  expect(budget.failed(0, 60_000)).toBe(61_000);
});

describe('a refusal', () => {
  test.each([
    [400, 'Bad Request'],
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [404, 'Not Found'],
    [405, 'Method Not Allowed'],
    [410, 'Gone'],
    [204, 'No Content'],
    [304, 'Not Modified'],
    [501, 'Not Implemented'],
  ])('by %i ends it at once', async (status, phrase) => {
    lab.handle = (_request, response) => response.writeHead(status).end();
    const { result } = await lab.run();
    expect(result).toEqual({
      outcome: 'failed',
      reason: `the server answered ${status} ${phrase}`,
      details: { file: lab.path(), url: lab.url() },
    });
    expect(lab.requests).toHaveLength(1);
    expect(lab.names()).toEqual([]);
  });

  test.each([
    [
      'application/xml',
      '<Error><Code>NoSuchKey</Code><Message>No such key.</Message><Key>x</Key></Error>',
      ' (NoSuchKey: No such key.)',
    ],
    ['text/html', '<html><head><title>404 Not Found</title></head><body>nginx</body>', ' (404 Not Found)'],
    ['application/json', '{"error":"gone"}', ' ({"error":"gone"})'],
    ['image/png', 'PNG', ''],
    ['text/plain', 'x'.repeat(5000), ` (${'x'.repeat(160)}…)`],
  ])('of type %s is quoted as far as it says something', async (type, body, quoted) => {
    lab.handle = (_request, response) => response.writeHead(404, { 'content-type': type }).end(body);
    expect((await lab.run()).result).toMatchObject({ reason: `the server answered 404 Not Found${quoted}` });
  });
});

describe('the size', () => {
  const reason = 'the file has more than 150000 bytes: this device takes no larger download (download.maxMegabytes)';

  test('is held against the cap before anything is written', async () => {
    let sent = 0;
    script((response) => {
      response.writeHead(200, { 'content-length': '200000' });
      response.write('x', () => {
        sent = 1;
      });
    });
    expect((await lab.run({}, { maxBytes: 150_000 })).result).toMatchObject({ outcome: 'failed', reason });
    expect(sent).toBe(1);
    expect(lab.names()).toEqual([]);
  });

  test('is held against the cap as it comes when nobody has told it', async () => {
    lab.handle = (request, response) => answerWith(version, request, response, { chunked: true });
    expect((await lab.run({}, { maxBytes: 150_000 })).result).toMatchObject({ outcome: 'failed', reason });
    expect((await lab.run({}, { maxBytes: 200_000 })).result).toMatchObject({ outcome: 'succeeded' });
  });

  test('is held against the free space', async () => {
    script((response) => response.writeHead(200, { 'content-length': String(10 ** 15) }).write('x'));
    expect((await lab.run({}, { maxBytes: 10 ** 16 })).result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^not enough space: 1000000000000000 bytes are to come and \d+ are free beside \//),
    });
    expect(lab.names()).toEqual([]);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'may be more than the disk has: that is told, and its space given back',
    async () => {
      mkdirSync(lab.path('disk'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', lab.path('disk')]);
      try {
        const path = lab.path('disk/file');
        lab.handle = (request, response) => answerWith(version, request, response);
        expect((await lab.run({ path })).result).toMatchObject({
          reason: expect.stringContaining('not enough space: 200000'),
        });
        lab.handle = (request, response) => answerWith(version, request, response, { chunked: true });
        expect((await lab.run({ path })).result).toMatchObject({
          outcome: 'failed',
          reason: expect.stringMatching(/^no space is left for .*\.part$/),
        });
        expect(execFileSync('ls', ['-A', lab.path('disk')]).toString()).toBe('');
      } finally {
        execFileSync('umount', [lab.path('disk')]);
      }
    },
  );
});

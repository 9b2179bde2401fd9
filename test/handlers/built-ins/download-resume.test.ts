import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, linkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StartsAgain } from '../../../src/handlers/starts-again.ts';
import { answerWith, bytes, DownloadLab, SETTINGS, sha256, type Version } from './download-lab.ts';

const content = bytes(400_000);
const version: Version = { content, headers: { etag: '"1"' } };
let lab: DownloadLab;

beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
});
afterEach(() => lab.stop());

/** Sends so many bytes and then nothing, until the client is gone. */
function stallAfter(length: number, file: Version): void {
  lab.handle = (_request, response) => {
    response.writeHead(200, { ...file.headers, 'content-length': String(file.content.length) });
    response.write(file.content.subarray(0, length));
  };
}

/** A start of the step that is aborted once the part has so many bytes; what it saved is for the next. */
async function interrupted(length: number, file: Version = version, why: unknown = new StartsAgain('a stop')) {
  stallAfter(length, file);
  const abort = new AbortController();
  const running = lab.run({}, {}, { signal: abort.signal });
  await expect.poll(() => lab.names().map((name) => statSync(lab.path(name)).size), { interval: 5 }).toEqual([length]);
  abort.abort(why);
  const { result, context } = await running;
  expect(result).toEqual({ outcome: 'interrupted' });
  lab.requests.length = 0;
  lab.handle = (request, response) => answerWith(version, request, response);
  return context.saved as { part: string; bytes: number };
}

test('a step that was interrupted goes on where it was', async () => {
  const saved = await interrupted(150_000);
  expect(saved).toMatchObject({ bytes: 150_000, total: 400_000, validator: { etag: '"1"' } });
  expect(statSync(saved.part).mode & 0o777).toBe(0o600);
  const { result, context } = await lab.run({}, {}, { lastProgress: saved });
  expect(result).toMatchObject({ outcome: 'succeeded', details: { bytes: '400000', sha256: sha256(content) } });
  expect(lab.requests.map(({ headers }) => [headers.range, headers['if-range']])).toEqual([['bytes=150000-', '"1"']]);
  expect(context.reports[0]).toMatchObject({ percent: '37', bytes: '150000 of 400000' });
  expect(lab.names()).toEqual(['file.bin']);
});

test('a step that is ended for good leaves nothing behind', async () => {
  const saved = await interrupted(150_000, version, 'cancelled');
  expect(lab.names()).toEqual([]);
  // Should there be another start after all, it begins anew.
  expect((await lab.run({}, {}, { lastProgress: saved })).result).toMatchObject({ outcome: 'succeeded' });
  expect(lab.ranges()).toEqual([undefined]);
});

test('a step that was aborted before it began does nothing', async () => {
  const { result } = await lab.run({}, {}, { signal: AbortSignal.abort() });
  expect(result).toEqual({ outcome: 'interrupted' });
  expect(lab.requests).toHaveLength(0);
});

test('an abort while it waits for another try is heeded at once', async () => {
  const abort = new AbortController();
  lab.handle = (_request, response) => {
    response.writeHead(503).end();
    setTimeout(() => abort.abort(), 20);
  };
  const settings = { timeoutMs: 600_000, retry: { tries: 3, floorMs: 300_000, capMs: 300_000 } };
  expect((await lab.run({}, settings, { signal: abort.signal })).result).toEqual({ outcome: 'interrupted' });
});

test('the file has changed meanwhile: it is fetched from its start', async () => {
  const saved = await interrupted(150_000, { content: bytes(400_000, 5), headers: { etag: '"0"' } });
  const { result } = await lab.run({}, {}, { lastProgress: saved });
  expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
  expect(lab.ranges()).toEqual(['bytes=150000-']);
});

test('without a validator there is nothing to go on with', async () => {
  const saved = await interrupted(150_000, { content, headers: {} });
  const { result } = await lab.run({}, {}, { lastProgress: saved });
  expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
  expect(lab.ranges()).toEqual([undefined]);
});

describe('what is found at the name of the part', () => {
  test('beyond what was saved is not trusted: after a power cut it may be zeros', async () => {
    const saved = await interrupted(150_000);
    appendFileSync(saved.part, Buffer.alloc(350_000));
    const { result } = await lab.run({}, {}, { lastProgress: saved });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual(['bytes=150000-']);
  });

  test.each<[string, (part: string) => void]>([
    ['with fewer bytes than were saved', (part) => writeFileSync(part, content.subarray(0, 149_999))],
    ['that others may write', (part) => chmodSync(part, 0o666)],
    ['with a second name', (part) => linkSync(part, `${part}.other`)],
    ['that is gone', (part) => rmSync(part)],
  ])('%s is not used', async (_name, change) => {
    const saved = await interrupted(150_000);
    change(saved.part);
    const { result } = await lab.run({}, {}, { lastProgress: saved });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([undefined]);
  });

  test('is the part that was saved, or is not used', async () => {
    const saved = await interrupted(150_000);
    const { result } = await lab.run({}, {}, { lastProgress: { ...saved, part: '/elsewhere' } });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([undefined]);
  });

  test('belongs to one step of one execution', async () => {
    const saved = await interrupted(150_000);
    const { result } = await lab.run({}, {}, { lastProgress: saved, jobId: 'another' });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([undefined]);
  });

  test.each([
    null,
    42,
    'x',
    {},
    { part: 1 },
    { part: '/x', bytes: -1 },
    { part: '/etc/passwd', bytes: 1 },
  ])('does not matter when what was saved is %j', async (lastProgress) => {
    lab.handle = (request, response) => answerWith(version, request, response);
    expect((await lab.run({}, {}, { lastProgress })).result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.ranges()).toEqual([undefined]);
  });
});

test('a part that a job never came back for goes after a day with the next download of that file, and nothing else', async () => {
  const saved = await interrupted(150_000);
  const others = [
    '.file.bin.part',
    '.other.0123456789abcdef.part',
    '.file.bin.0123456789abcdeX.part',
    '.file.bin.0123456789abcdef.part',
  ];
  for (const name of others) writeFileSync(lab.path(name), 'x');
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  for (const path of [saved.part, ...others.slice(0, 3).map((name) => lab.path(name))])
    utimesSync(path, twoDaysAgo, twoDaysAgo);
  expect((await lab.run({}, {}, { jobId: 'next' })).result).toMatchObject({ outcome: 'succeeded' });
  expect(lab.names()).toEqual([...others, 'file.bin'].sort());
});

/** Ends the step's work at the moment that it saves its progress for the n-th time, as a crash would. */
async function crashAtSave(count: number) {
  class Crash extends Error {}
  let saved: unknown;
  let saves = 0;
  const onSave = (value: unknown) => {
    saves += 1;
    if (saves === count) {
      saved = value;
      // A crash leaves the part where it is; this keeps it from the tidying of a failure.
      const { part } = value as { part: string };
      linkSync(part, lab.path('kept'));
      throw new Crash();
    }
  };
  await lab.run({}, { checkpointBytes: 2 ** 30 }, { onSave });
  renameSync(lab.path('kept'), (saved as { part: string }).part);
  return saved;
}

test('the agent ends between the check and the rename: the part is checked again and renamed', async () => {
  lab.handle = (request, response) => answerWith(version, request, response);
  const saved = await crashAtSave(3);
  expect(saved).toMatchObject({ bytes: 400_000, sha256: sha256(content) });
  lab.requests.length = 0;
  const { result } = await lab.run({}, {}, { lastProgress: saved });
  expect(result).toMatchObject({ outcome: 'succeeded', details: { bytes: '400000', sha256: sha256(content) } });
  expect(lab.requests).toHaveLength(0);
  expect(lab.names()).toEqual(['file.bin']);
});

test('the agent ends between the rename and the result: the file is known again and not fetched', async () => {
  lab.handle = (request, response) => answerWith(version, request, response);
  const first = await lab.run();
  const again = await lab.run({}, {}, { lastProgress: first.context.saved });
  expect(again.result).toEqual(first.result);
  expect(lab.requests).toHaveLength(1);
  // Somebody has changed it since: then it is fetched.
  writeFileSync(lab.path(), 'other');
  expect((await lab.run({}, {}, { lastProgress: first.context.saved })).result).toEqual(first.result);
  expect(lab.requests).toHaveLength(2);
  expect(lab.content()?.equals(content)).toBe(true);
});

test('what cannot be saved fails the step, and says so', async () => {
  lab.handle = (request, response) => answerWith(version, request, response);
  const onSave = () => {
    throw new Error('the journal is full');
  };
  expect((await lab.run({}, {}, { onSave })).result).toMatchObject({
    outcome: 'failed',
    reason: 'the progress of the download cannot be saved: the journal is full',
  });
  expect(lab.names()).toEqual([]);
});

describe('a process of its own', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(`${lab.directory}.progress`, { force: true });
  });

  function start(order: { input: object; settings?: object }): { child: ChildProcess; output: Promise<string> } {
    const program = new URL('download-child.mjs', import.meta.url).pathname;
    const settings = { ...SETTINGS, ...order.settings };
    const words = JSON.stringify({ input: order.input, settings, progressFile: `${lab.directory}.progress` });
    const child = spawn(process.execPath, [program, words], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const output = new Promise<string>((resolve) => {
      let text = '';
      child.stdout?.on('data', (chunk) => {
        text += chunk;
      });
      child.once('close', () => resolve(text));
    });
    return { child, output };
  }
  test('that is killed again and again comes to the whole file, and repeats little of it', async () => {
    const size = 4 * 1024 * 1024;
    const file = { content: bytes(size), headers: { etag: '"big"' } };
    let sent = 0;
    let most = 0;
    lab.handle = (request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      const range = start === 0 ? {} : { 'content-range': `bytes ${start}-${size - 1}/${size}` };
      const length = { 'content-length': String(size - start) };
      response.writeHead(start === 0 ? 200 : 206, { ...file.headers, ...length, ...range });
      let position = start;
      // Slowly, and not to the end, so that the process is there to be killed and little is on its way.
      const pace = setInterval(() => {
        if (position - start > most) return undefined;
        const chunk = file.content.subarray(position, position + 32 * 1024);
        position += chunk.length;
        sent += chunk.length;
        if (position < size) return response.write(chunk);
        clearInterval(pace);
        return response.end(chunk);
      }, 1);
      response.on('close', () => clearInterval(pace));
    };
    const input = { url: lab.url(), path: lab.path() };
    const partSize = () => Math.max(0, ...lab.names().map((name) => statSync(lab.path(name)).size));
    for (const further of fc.sample(fc.integer({ min: 200_000, max: 900_000 }), { numRuns: 4, seed: 3 })) {
      most = further + 300_000;
      const { child, output } = start({ input });
      const goal = partSize() + further;
      await expect.poll(partSize, { interval: 1 }).toBeGreaterThan(goal);
      child.kill('SIGKILL');
      await output;
      expect(child.signalCode).toBe('SIGKILL');
      expect(lab.content()).toBeUndefined();
    }
    most = size;
    const { result } = JSON.parse(await start({ input }).output);
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(file.content) } });
    expect(lab.names()).toEqual(['file.bin']);
    expect(lab.ranges().map((range) => range !== undefined)).toEqual([false, true, true, true, true]);
    // Each kill may cost a checkpoint and what was on its way.
    expect(sent).toBeLessThan(size * 2);
  });

  test('takes little more memory for a large file than for a small one', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    lab.handle = (request, response) => {
      const megabytes = Number(request.url?.slice(1));
      response.writeHead(200, { 'content-length': String(megabytes * chunk.length) });
      let left = megabytes;
      const goOn = () => {
        left -= 1;
        if (left < 0) response.end();
        else response.write(chunk, goOn);
      };
      goOn();
    };
    const peak = async (megabytes: number) => {
      const input = { url: lab.url(`/${megabytes}`), path: lab.path(`${megabytes}`) };
      const settings = { checkpointBytes: 16 * 1024 * 1024, timeoutMs: 100_000 };
      const { result, maxRssKilobytes } = JSON.parse(await start({ input, settings }).output);
      expect(result).toMatchObject({ outcome: 'succeeded', details: { bytes: String(megabytes * chunk.length) } });
      rmSync(lab.path(`${megabytes}`));
      return maxRssKilobytes / 1024;
    };
    const small = await peak(1);
    expect(await peak(300)).toBeLessThan(small + 150);
  });
});

test('what is saved promises only what was put on disk', async () => {
  const promises = async (checkpointBytes: number) => {
    const cuts = [100_000];
    lab.handle = (request, response) => answerWith(version, request, response, { cutAfter: cuts.shift() });
    const saved: number[] = [];
    await lab.run({}, { checkpointBytes }, { onSave: (value) => saved.push((value as { bytes: number }).bytes) });
    return saved;
  };
  // At the start of each answer, at its end, and after the check.
  expect(await promises(2 ** 30)).toEqual([0, 0, 400_000, 400_000]);
  const often = await promises(30_000);
  expect(often).toEqual([...often].sort((a, b) => a - b));
  expect(often.length).toBeGreaterThan(6);
  expect(often.filter((bytes) => bytes < 100_000).length).toBeGreaterThan(1);
});

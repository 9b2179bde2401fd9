import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { StartsAgain } from '../../../src/handlers/starts-again.ts';
import { freePort } from '../../support/free-port.ts';
import { describeWithNginx, Nginx } from '../../support/nginx.ts';
import { DownloadLab, sha256 } from './download-lab.ts';

describeWithNginx('a file of 50 MB from nginx', () => {
  const size = 50_000_000;
  const directory = mkdtempSync(join(tmpdir(), 'download-nginx-'));
  const content = randomFillSync(Buffer.alloc(size));
  const digest = sha256(content);
  let nginx: Nginx;
  let lab: DownloadLab;

  beforeAll(async () => {
    nginx = new Nginx(directory, await freePort());
    writeFileSync(join(directory, 'www/file'), content);
    await nginx.start();
  });
  afterAll(async () => {
    await nginx.stop();
    rmSync(directory, { recursive: true });
  });
  beforeEach(() => {
    lab = new DownloadLab();
  });
  afterEach(() => rmSync(lab.directory, { recursive: true }));

  const partSize = () => Math.max(0, ...lab.names().map((name) => statSync(lab.path(name)).size));
  const reach = (bytes: number) => expect.poll(partSize, { interval: 5 }).toBeGreaterThan(bytes);
  const settings = { checkpointBytes: 4_000_000, timeoutMs: 60_000, retry: { tries: 20, floorMs: 50, capMs: 500 } };

  test('comes in one piece', async () => {
    const { result } = await lab.run({ url: nginx.url('/file'), sha256: digest }, settings);
    expect(result).toMatchObject({ outcome: 'succeeded', details: { bytes: String(size), sha256: digest } });
  });

  test('is resumed by range when the worker is killed amid it', async () => {
    const running = lab.run({ url: nginx.url('/slow/file'), sha256: digest }, settings);
    await reach(5_000_000);
    nginx.signalWorker('SIGKILL');
    const { result } = await running;
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: digest } });
    // A worker that is killed logs nothing.
    await expect.poll(() => nginx.ranges().at(-1)).toMatch(/^206 bytes=\d{7,8}-$/);
  });

  test('is resumed when the worker stalls, once it goes on', async () => {
    const quick = { ...settings, lowSpeedBytesPerSecond: 1000, lowSpeedMs: 400 };
    const slow = 'slower than 1000 bytes a second for 0.4 s, so the connection was cut';
    const onLine = (line: string) => line.startsWith(slow) && nginx.signalWorker('SIGCONT');
    const running = lab.run({ url: nginx.url('/slow/file'), sha256: digest }, quick, { onLine });
    await reach(5_000_000);
    nginx.signalWorker('SIGSTOP');
    const { result, context } = await running;
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: digest } });
    expect(context.lines.join()).toContain(slow);
    await expect.poll(() => nginx.ranges().at(-1)).toMatch(/^206 bytes=\d{7,8}-$/);
  });

  test('starts over when it has been replaced while the download was interrupted', async () => {
    const abort = new AbortController();
    const running = lab.run({ url: nginx.url('/slow/file') }, settings, { signal: abort.signal });
    await reach(5_000_000);
    abort.abort(new StartsAgain('the agent stops'));
    const { context } = await running;
    const other = randomFillSync(Buffer.alloc(20_000_000));
    writeFileSync(join(directory, 'www/file'), other);
    utimesSync(join(directory, 'www/file'), 1_700_000_000, 1_700_000_000);
    const { result } = await lab.run({ url: nginx.url('/file') }, settings, { lastProgress: context.saved });
    expect(result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(other) } });
    await expect.poll(() => nginx.ranges().at(-1)).toMatch(/^200 bytes=\d{7,8}-$/);
  });
});

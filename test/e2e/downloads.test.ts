import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { CancelJobCommand } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerWith, bytes, sha256 } from '../handlers/built-ins/download-lab.ts';
import { FileServer } from '../support/file-server.ts';
import { command, documentOf, HandlerLab } from '../support/handler-lab.ts';
import type { ThingAgentProcess } from '../support/lab.ts';
import { isRoot } from '../support/root.ts';

/** Downloads of the whole agent, over HTTPS, from a server that does not always do what it should. */
let lab: HandlerLab;
let files: FileServer;
let agent: ThingAgentProcess;

const content = bytes(900_000);
const version = { content, headers: { etag: '"1"' } };
/** What runs as another user: a clone below a directory that only root may enter has none. */
const DIST = join(import.meta.dirname, '../../dist/handlers/download/target-process.js');

beforeAll(async () => {
  lab = await HandlerLab.start();
  chmodSync(lab.directory, 0o711);
  files = await FileServer.start(lab);
  files.paths.set('/file.bin', (request, response) => answerWith(version, request, response));
  agent = startAgent();
});

afterAll(async () => {
  await files?.stop();
  await lab?.close();
});

function startAgent(download: object = {}): ThingAgentProcess {
  return lab.startAgent(
    {
      jobs: { concurrency: 8, stopGraceSeconds: 0 },
      download: { maxMegabytes: 1, ...download },
      // The server by another name.
      policy: { denyDownloadHosts: ['localhost'] },
    },
    { NODE_EXTRA_CA_CERTS: lab.ports.caPath },
  );
}

/** A step that downloads from the path into a directory of its own. */
function download(path: string, folder: string, input: object = {}, more: object = {}): object {
  return {
    type: 'downloadFile',
    input: { url: files.url(path), path: join(lab.folder(folder), 'file.bin'), ...input },
    ...more,
  };
}

const isWhole = (folder: string) => readFileSync(join(lab.folder(folder), 'file.bin')).equals(content);
const namesIn = (folder: string) => readdirSync(lab.folder(folder));

/** Sends two thirds of the file at once and then a byte at a time, until `goOn` is called. */
function dripping(): { answer: RequestListener; goOn: () => void } {
  const drips = new Set<NodeJS.Timeout>();
  let isOpen = false;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (isOpen || request.headers.range !== undefined) return answerWith(version, request, response);
    let sent = 600_000;
    response.writeHead(200, { ...version.headers, 'content-length': String(content.length) });
    response.write(content.subarray(0, sent));
    const drip = setInterval(() => {
      response.write(content.subarray(sent, sent + 1));
      sent += 1;
    }, 100);
    drips.add(drip);
    response.once('close', () => clearInterval(drip));
  };
  const goOn = () => {
    isOpen = true;
    for (const drip of drips) clearInterval(drip);
  };
  return { answer, goOn };
}

describe('a download', () => {
  it('goes on where it was cut off, is checked, and is alone in its place', async () => {
    // Less each time than may wait for the disk: all of it counts, however slow the disk is.
    const cuts = [200_000, 1, 250_000];
    files.paths.set('/cut.bin', (request, response) =>
      answerWith(version, request, response, { cutAfter: cuts.shift() }),
    );
    const ends = await lab.run({
      cut: documentOf(download('/cut.bin', 'cut', { sha256: sha256(content), mode: '640' })),
    });
    expect(ends.cut).toMatchObject({
      status: 'SUCCEEDED',
      details: { bytes: '900000', sha256: sha256(content), file: join(lab.folder('cut'), 'file.bin') },
    });
    expect([isWhole('cut'), namesIn('cut')]).toEqual([true, ['file.bin']]);
    expect(statSync(join(lab.folder('cut'), 'file.bin')).mode & 0o777).toBe(0o640);
    const asked = files.requestsOf('/cut.bin').map(({ headers }) => [headers.range, headers['if-range']]);
    expect(asked).toEqual([
      [undefined, undefined],
      ['bytes=200000-', '"1"'],
      ['bytes=200001-', '"1"'],
      ['bytes=450001-', '"1"'],
    ]);
  });

  it('that is not what the document expects fails, and leaves what was there as it was', async () => {
    writeFileSync(join(lab.folder('kept'), 'file.bin'), 'old');
    const { kept } = await lab.run({ kept: documentOf(download('/file.bin', 'kept', { sha256: '0'.repeat(64) })) });
    expect(kept).toMatchObject({
      status: 'FAILED',
      details: {
        reason: expect.stringContaining(`the file has the SHA-256 ${sha256(content)}, and the document expects 000`),
      },
    });
    expect([readFileSync(join(lab.folder('kept'), 'file.bin'), 'utf8'), namesIn('kept')]).toEqual([
      'old',
      ['file.bin'],
    ]);
  });

  it('ends at once with what no try can mend, and is tried again where one can', async () => {
    let refusals = 1;
    files.paths.set('/busy.bin', (request, response) => {
      if (refusals-- > 0) response.writeHead(503, { 'retry-after': '1' }).end();
      else answerWith(version, request, response);
    });
    files.paths.set('/forbidden.bin', (_, response) => response.writeHead(403).end('no'));
    files.paths.set('/large.bin', (_, response) => {
      response.writeHead(200, { 'content-length': String(2 ** 21) });
      response.flushHeaders();
    });
    files.paths.set('/moved.bin', (_, response) =>
      response.writeHead(302, { location: files.url('/file.bin', 'localhost') }).end(),
    );
    const before = files.requestsOf('/file.bin').length;
    const ends = await lab.run({
      busy: documentOf(download('/busy.bin', 'busy')),
      gone: documentOf(download('/gone.bin', 'gone')),
      forbidden: documentOf(download('/forbidden.bin', 'forbidden')),
      large: documentOf(download('/large.bin', 'large')),
      moved: documentOf(download('/moved.bin', 'moved')),
    });
    const { busy, ...failed } = ends;
    expect([busy.status, isWhole('busy')]).toEqual(['SUCCEEDED', true]);
    const expected: Record<string, RegExp> = {
      gone: /404/,
      forbidden: /403/,
      large: /more than 1048576 bytes: this device takes no larger download \(download\.maxMegabytes\)/,
      moved: /host localhost is denied by policy\.denyDownloadHosts "localhost"/,
    };
    for (const [id, { status, details }] of Object.entries(failed)) {
      expect([id, status, details['reason']]).toEqual([id, 'FAILED', expect.stringMatching(expected[id] ?? /^$/)]);
      expect([id, namesIn(id)]).toEqual([id, []]);
      expect(files.requestsOf(`/${id}.bin`)).toHaveLength(1);
    }
    expect(files.requestsOf('/file.bin')).toHaveLength(before);
  });

  it('of a document’s step is there for the next one, as a script of AWS’s templates too', async () => {
    const file = join(lab.folder('steps'), 'file.bin');
    const script = {
      type: 'runHandler',
      input: { handler: 'download-file.sh', args: [`${files.url('/file.bin')} ${file}`] },
    };
    const { steps } = await lab.run({
      steps: { ...documentOf(script, command('wc', '-c', file)), includeStdOut: true },
    });
    expect(steps).toMatchObject({ status: 'SUCCEEDED', details: { stdout: `900000 ${file}`, bytes: '900000' } });
  });

  it('tells how far it is, and after a stop of the agent goes on with what there is', async () => {
    const { answer, goOn } = dripping();
    files.paths.set('/drips.bin', answer);
    await lab.createJob('stopped', documentOf(download('/drips.bin', 'stopped', { sha256: sha256(content) })));
    const told = async () => (await lab.execution('stopped')).statusDetails?.detailsMap ?? {};
    const half = { message: 'downloading', percent: '66', bytes: expect.stringMatching(/^6000\d\d of 900000$/) };
    await expect.poll(told, { timeout: 60_000 }).toMatchObject(half);
    expect(await agent.stop()).toBe(0);
    expect(existsSync(join(lab.folder('stopped'), 'file.bin'))).toBe(false);
    agent = startAgent();
    const { stopped } = await lab.outcomes(['stopped']);
    goOn();
    expect([stopped.status, isWhole('stopped'), namesIn('stopped')]).toEqual(['SUCCEEDED', true, ['file.bin']]);
    const ranges = files.requestsOf('/drips.bin').map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=6000\d\d-$/)]);
  });

  it('whose job is cancelled, or whose time is up, ends with its connection, and leaves nothing', async () => {
    const { answer, goOn } = dripping();
    files.paths.set('/stuck.bin', answer);
    await lab.createJob('cancelled', documentOf(download('/stuck.bin', 'cancelled')));
    await lab.createJob('late', documentOf(download('/stuck.bin', 'late', {}, { timeoutSeconds: 5 })));
    await expect.poll(() => files.requestsOf('/stuck.bin'), { timeout: 60_000 }).toHaveLength(2);
    await lab.iot.send(new CancelJobCommand({ jobId: 'cancelled', force: true }));
    const { late } = await lab.outcomes(['late']);
    expect(late.details['reason']).toBe('step 1 "step-1": timed out after 5 s');
    const isOpen = () => files.requestsOf('/stuck.bin').some(({ socket }) => !socket.destroyed);
    await expect.poll(isOpen, { timeout: 60_000 }).toBe(false);
    goOn();
    for (const folder of ['cancelled', 'late'])
      await expect.poll(() => namesIn(folder), { timeout: 60_000 }).toEqual([]);
  });
});

/** Whether nobody could run a program of this clone. */
function isReachable(): boolean {
  const words = ['--reuid=nobody', '--regid=nogroup', '--clear-groups', '--', process.execPath, '--check', DIST];
  return isRoot() && spawnSync('setpriv', words, { cwd: '/' }).status === 0;
}

describe.skipIf(!isReachable())('a download as another user', () => {
  it('is that user’s file, and fails where that user may not write', async () => {
    const uid = Number(execFileSync('id', ['-u', 'nobody']).toString());
    chownSync(lab.folder('theirs'), uid, -1);
    const as = { runAsUser: 'nobody' };
    const ends = await lab.run({
      theirs: documentOf(download('/file.bin', 'theirs', {}, as)),
      ours: documentOf(download('/file.bin', 'ours', {}, as)),
    });
    expect([ends.theirs.status, isWhole('theirs')]).toEqual(['SUCCEEDED', true]);
    expect(statSync(join(lab.folder('theirs'), 'file.bin')).uid).toBe(uid);
    expect([ends.ours.status, ends.ours.details['reason']]).toEqual([
      'FAILED',
      expect.stringContaining('not permitted'),
    ]);
    expect(namesIn('ours')).toEqual([]);
  });
});

describe('a device with a public key', () => {
  it('takes what is signed with its private half, and nothing else', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(lab.file('public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    const signature = sign('sha256', content, privateKey).toString('base64');
    files.paths.set('/file.sig', (_, response) => response.end(signature));
    await agent.stop();
    agent = startAgent({ publicKeyPath: lab.file('public.pem') });
    const other = sign('sha256', Buffer.from('other'), privateKey).toString('base64');
    const ends = await lab.run({
      signed: documentOf(download('/file.bin', 'signed', { signature })),
      'signed-beside': documentOf(download('/file.bin', 'signed-beside', { signatureUrl: files.url('/file.sig') })),
      forged: documentOf(download('/file.bin', 'forged', { signature: other })),
      unsigned: documentOf(download('/file.bin', 'unsigned')),
    });
    for (const id of ['signed', 'signed-beside'] as const)
      expect([ends[id].status, isWhole(id)]).toEqual(['SUCCEEDED', true]);
    expect(ends.forged).toMatchObject({
      status: 'FAILED',
      details: { reason: expect.stringContaining("does not fit its signature and this device's public key") },
    });
    expect(ends.unsigned).toMatchObject({
      status: 'REJECTED',
      details: { reason: expect.stringContaining('signed downloads only') },
    });
    expect([namesIn('forged'), namesIn('unsigned')]).toEqual([[], []]);
  });
});

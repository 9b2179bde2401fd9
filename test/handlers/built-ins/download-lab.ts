import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { createDownloadFile } from '../../../src/handlers/built-ins/download-file.ts';
import type { DownloadSettings } from '../../../src/handlers/download/settings.ts';
import type { StepResult } from '../../../src/handlers/step.ts';
import { type ContextChanges, RecordedContext } from '../../support/built-in-context.ts';

/** Quick where a device is patient; `http:`, as the servers of these tests mostly are. */
export const SETTINGS: DownloadSettings = {
  maxBytes: 2 ** 30,
  timeoutMs: 20_000,
  lowSpeedBytesPerSecond: 1,
  lowSpeedMs: 10_000,
  hostDenied: () => undefined,
  allowPlainHttp: true,
  retry: { tries: 4, floorMs: 1, capMs: 5 },
  checkpointBytes: 64 * 1024,
};

/** A server of its own, a directory to download to, and what went over the wire. */
export class DownloadLab {
  readonly directory = mkdtempSync(join(tmpdir(), 'download-'));
  readonly requests: IncomingMessage[] = [];
  /** What the server does. */
  handle: RequestListener = (_request, response) => response.writeHead(404).end();
  readonly #server: Server;
  #origin = '';

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      // A client that is gone is what many of these tests are about.
      response.on('error', () => undefined);
      this.handle(request, response);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.directory, { recursive: true });
  }

  url(path = '/file.bin'): string {
    return `${this.#origin}${path}`;
  }

  path(name = 'file.bin'): string {
    return join(this.directory, name);
  }

  /** The Range headers that arrived. */
  ranges(): (string | undefined)[] {
    return this.requests.map(({ headers }) => headers.range);
  }

  names(): string[] {
    return readdirSync(this.directory).sort();
  }

  content(name = 'file.bin'): Buffer | undefined {
    return existsSync(this.path(name)) ? readFileSync(this.path(name)) : undefined;
  }

  /** Runs the built-in as the agent does: the input is parsed first. */
  async run(
    input: Record<string, unknown> = {},
    settings: Partial<DownloadSettings> = {},
    changes: ContextChanges = {},
  ): Promise<{ result: StepResult; context: RecordedContext }> {
    const builtIn = createDownloadFile({ ...SETTINGS, ...settings });
    const context = new RecordedContext(changes);
    const parsed = v.parse(builtIn.input, { url: this.url(), path: this.path(), ...input });
    return { result: await builtIn.run(parsed, context), context };
  }
}

export interface Version {
  readonly content: Buffer;
  /** Headers that tell it from others. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answering {
  /** Ends the connection after so many bytes of the body. */
  readonly cutAfter?: number | undefined;
  readonly chunked?: boolean;
}

/** Answers as an honest server does: a range is given only of the version that If-Range names (RFC 9110, 13.1.5). */
export function answerWith(
  { content, headers }: Version,
  request: IncomingMessage,
  response: ServerResponse,
  { cutAfter, chunked = false }: Answering = {},
): void {
  const condition = request.headers['if-range'];
  const isSame = condition === undefined || Object.values(headers).includes(String(condition));
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
  const start = isSame && !Number.isNaN(first) ? first : 0;
  if (start > 0 && start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  const body = content.subarray(start);
  response.writeHead(start === 0 ? 200 : 206, {
    ...headers,
    ...(chunked ? {} : { 'content-length': String(body.length) }),
    ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  });
  if (cutAfter === undefined || cutAfter >= body.length) {
    response.end(body);
    return;
  }
  response.flushHeaders();
  response.write(body.subarray(0, cutAfter), () => response.destroy());
  if (cutAfter === 0) response.destroy();
}

/** Bytes that differ from place to place. */
export function bytes(length: number, seed = 1): Buffer {
  const result = Buffer.alloc(length);
  let state = seed * 2_654_435_761;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    result[index] = state >>> 24;
  }
  return result;
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

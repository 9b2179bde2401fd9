import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import type { ProcessEnd } from '../../system/child-process.ts';
import { DownloadFailure } from './failure.ts';
import { type Call, type Frame, ReplySchema, sendFrame } from './frames.ts';
import type { FileCheck, OpenRequest, OpenTarget, SignatureCheck, TargetFile } from './target-file.ts';
import { endText, type TargetProcess } from './target-process-start.ts';

const OpenTargetSchema = v.object({
  file: v.string(),
  part: v.string(),
  resumedBytes: v.optional(v.number()),
});
const FileCheckSchema = v.optional(
  v.object({ sha256: v.string(), bytes: v.number(), signatureIsValid: v.optional(v.boolean()) }),
);
/** For a process that has to put its file on disk after an abort, and for one whose end is waited for. */
const GRACE_MS = 5_000;
/** For the end of a process whose connection has ended. */
const END_MS = 1_000;

/**
 * A target that a process of another user writes. The agent, which may be root, talks to servers and decides; it never
 * opens a path of that user's choosing.
 */
export class RemoteTarget implements TargetFile {
  readonly #user: string;
  readonly #socket: Socket;
  readonly #frames: AsyncGenerator<Frame, undefined>;
  readonly #ended: Promise<ProcessEnd>;
  #fault: DownloadFailure | undefined;

  /** @param signal after its abort the process has a grace to answer; so nothing it does can hold the agent. */
  constructor({ user, socket, frames, ended }: TargetProcess, signal: AbortSignal) {
    this.#user = user;
    this.#socket = socket;
    this.#frames = frames;
    this.#ended = ended;
    const giveUp = () => setTimeout(() => socket.destroy(), GRACE_MS).unref();
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', giveUp));
  }

  async open(request: OpenRequest): Promise<OpenTarget> {
    const { resumedBytes, ...rest } = await this.#call({ call: 'open', request: { ...request } }, OpenTargetSchema);
    return { ...rest, resumedBytes };
  }

  async append(bytes: Buffer): Promise<void> {
    await this.#send({ kind: 'bytes', bytes });
  }

  async truncate(): Promise<void> {
    await this.#call({ call: 'truncate' }, v.unknown());
  }

  async sync(): Promise<void> {
    await this.#call({ call: 'sync' }, v.unknown());
  }

  freeBytes(): Promise<number> {
    return this.#call({ call: 'freeBytes' }, v.number());
  }

  check(which: 'part' | 'file', signature?: SignatureCheck): Promise<FileCheck | undefined> {
    return this.#call({ call: 'check', which, signature }, FileCheckSchema);
  }

  async commit(mode?: number): Promise<void> {
    await this.#call({ call: 'commit', mode }, v.unknown());
  }

  async setMode(mode: number): Promise<void> {
    await this.#call({ call: 'setMode', mode }, v.unknown());
  }

  async discard(): Promise<void> {
    await this.#call({ call: 'discard' }, v.unknown());
  }

  async close(): Promise<void> {
    this.#socket.end();
    if (this.#fault === undefined) await Promise.race([this.#ended, delay(GRACE_MS, undefined, { ref: false })]);
    this.#socket.destroy();
  }

  async #call<Schema extends v.GenericSchema>(call: Call, schema: Schema): Promise<v.InferOutput<Schema>> {
    const answer = v.safeParse(schema, await this.#send({ kind: 'json', value: call }));
    if (!answer.success)
      throw new DownloadFailure(`the process that writes as ${this.#user} gave no answer to ${call.call}`);
    return answer.output;
  }

  /** One at a time: the answers come in the order of what was sent. */
  async #send(frame: Frame): Promise<unknown> {
    if (this.#fault !== undefined) throw this.#fault;
    const answer = await this.#exchange(frame);
    if (answer?.kind !== 'json') throw await this.#lost();
    const reply = v.safeParse(ReplySchema, answer.value);
    if (!reply.success) throw await this.#lost();
    if (!reply.output.ok) throw new DownloadFailure(reply.output.problem);
    return reply.output.value;
  }

  async #exchange(frame: Frame): Promise<Frame | undefined> {
    try {
      await sendFrame(this.#socket, frame);
      const { value } = await this.#frames.next();
      return value;
    } catch {
      // The end of the connection, or what is no frame: both mean that the process is lost.
      return undefined;
    }
  }

  async #lost(): Promise<DownloadFailure> {
    this.#socket.destroy();
    const end = await Promise.race([this.#ended, delay(END_MS, undefined, { ref: false })]);
    const how = end === undefined ? 'it does not answer' : endText(end);
    this.#fault = new DownloadFailure(`the process that writes as ${this.#user} was lost: ${how}`);
    return this.#fault;
  }
}

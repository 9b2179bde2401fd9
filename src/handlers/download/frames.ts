import type { Socket } from 'node:net';
import * as v from 'valibot';

/** What goes over the socket between the agent and the process that writes as another user: JSON, or bytes of the file. */
export type Frame =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'bytes'; readonly bytes: Buffer };

/** A kind (1: JSON, 2: bytes) and a length of four bytes, big-endian, stand before each. */
const HEADER = 5;
const KINDS = { json: 1, bytes: 2 } as const;
/** More than any chunk of a socket, or any message of ours. */
const LARGEST = 1024 * 1024;

/** Resolves when the other end is near enough to having taken it. */
export async function sendFrame(socket: Socket, frame: Frame): Promise<void> {
  const body = frame.kind === 'json' ? Buffer.from(JSON.stringify(frame.value), 'utf8') : frame.bytes;
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(KINDS[frame.kind], 0);
  header.writeUInt32BE(body.length, 1);
  socket.cork();
  socket.write(header);
  await new Promise<void>((resolve, reject) => {
    socket.write(body, (error) => (error ? reject(error) : resolve()));
    socket.uncork();
  });
}

/** The frames that arrive, up to the end of the socket. Rejects for what is no frame. */
export async function* readFrames(socket: Socket): AsyncGenerator<Frame, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    for (let frame = firstFrame(rest); frame !== undefined; frame = firstFrame(rest)) {
      rest = rest.subarray(HEADER + frame.length);
      yield frame.frame;
    }
  }
}

function firstFrame(bytes: Buffer): { frame: Frame; length: number } | undefined {
  if (bytes.length < HEADER) return undefined;
  const kind = bytes.readUInt8(0);
  const length = bytes.readUInt32BE(1);
  if (length > LARGEST) throw new Error(`a frame of ${length} bytes`);
  if (bytes.length < HEADER + length) return undefined;
  const body = bytes.subarray(HEADER, HEADER + length);
  if (kind === KINDS.bytes) return { frame: { kind: 'bytes', bytes: body }, length };
  if (kind !== KINDS.json) throw new Error(`a frame of kind ${kind}`);
  return { frame: { kind: 'json', value: JSON.parse(body.toString('utf8')) }, length };
}

const signature = v.object({ publicKey: v.string(), signature: v.string() });
const name = v.variant('kind', [
  v.object({ kind: v.literal('name'), name: v.string() }),
  v.object({ kind: v.literal('none'), problem: v.string() }),
]);

/** What the agent asks of that process, beside bytes to append. */
export const CallSchema = v.variant('call', [
  v.object({
    call: v.literal('open'),
    request: v.object({
      path: v.string(),
      name,
      id: v.string(),
      resume: v.optional(v.object({ part: v.string(), bytes: v.number() })),
    }),
  }),
  v.object({ call: v.literal('truncate') }),
  v.object({ call: v.literal('sync') }),
  v.object({ call: v.literal('freeBytes') }),
  v.object({ call: v.literal('check'), which: v.picklist(['part', 'file']), signature: v.optional(signature) }),
  v.object({ call: v.literal('commit'), mode: v.optional(v.number()) }),
  v.object({ call: v.literal('setMode'), mode: v.number() }),
  v.object({ call: v.literal('discard') }),
]);
export type Call = v.InferOutput<typeof CallSchema>;

/** Its answers: one for each call and each piece of the file. */
export const ReplySchema = v.variant('ok', [
  v.object({ ok: v.literal(true), value: v.optional(v.unknown()) }),
  v.object({ ok: v.literal(false), problem: v.string() }),
]);

/** In its environment: where the agent listens, and what to say there. Nobody else can read it (proc(5), environ). */
export const TARGET_VARIABLE = 'THING_AGENT_TARGET';
export const AddressSchema = v.object({ socket: v.string(), token: v.string() });

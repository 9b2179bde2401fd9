import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import type { ProcessEnd } from '../../system/child-process.ts';
import type { BuiltInContext } from '../step.ts';
import { DownloadFailure } from './failure.ts';
import { type Frame, readFrames, TARGET_VARIABLE } from './frames.ts';

/** A process that runs as another user and waits for what to do with its files. */
export interface TargetProcess {
  readonly user: string;
  readonly socket: Socket;
  readonly frames: AsyncGenerator<Frame, undefined>;
  readonly ended: Promise<ProcessEnd>;
}

interface Accepted {
  readonly socket: Socket;
  readonly frames: AsyncGenerator<Frame, undefined>;
}

/**
 * Starts it and waits until it has called. They meet on a socket whose name is in no file system (unix(7), abstract), so
 * that no directory has to be open to both; who comes there must know the token from the process's environment.
 * @param program its module, built.
 * @throws DownloadFailure when no such process can be started: nothing is then written as anybody else.
 */
export async function startTargetProcess(
  user: string,
  context: Pick<BuiltInContext, 'runProgram'>,
  signal: AbortSignal,
  program = fileURLToPath(new URL('./target-process.js', import.meta.url)),
): Promise<TargetProcess> {
  const name = `\0thing-agent-${randomBytes(8).toString('hex')}`;
  const token = randomBytes(32).toString('hex');
  const accepted = Promise.withResolvers<Accepted>();
  const callers = new Set<Socket>();
  const server = createServer((socket) => {
    callers.add(socket);
    void greet(socket, token).then((caller) => (caller ? accepted.resolve(caller) : socket.destroy()));
  });
  const aborted = once(signal, 'abort').then(() => undefined);
  try {
    const listening = once(server, 'listening');
    server.listen(name);
    await listening;
    signal.throwIfAborted();
    const environment = { [TARGET_VARIABLE]: JSON.stringify({ socket: name, token }) };
    const ended = context.runProgram([process.execPath, program], { environment });
    const first = await Promise.race([accepted.promise, ended, aborted]);
    signal.throwIfAborted();
    if (first !== undefined && 'socket' in first) {
      callers.delete(first.socket);
      return { user, ...first, ended };
    }
    const how = first === undefined ? 'it did not start' : endText(first);
    throw new DownloadFailure(`no process can write as ${user}: ${how}`);
  } finally {
    server.close();
    // Whoever else has called, or comes too late.
    for (const caller of callers) caller.destroy();
  }
}

/** What the caller has to send, once it has said the token; undefined for anybody else. */
async function greet(socket: Socket, token: string): Promise<Accepted | undefined> {
  // Its end is seen by who reads the frames.
  socket.on('error', () => socket.destroy());
  const frames = readFrames(socket);
  try {
    const { value: first } = await frames.next();
    const said = v.safeParse(v.object({ token: v.string() }), first?.kind === 'json' ? first.value : undefined);
    const given = Buffer.from(said.success ? said.output.token : '');
    const isRight = given.length === token.length && timingSafeEqual(given, Buffer.from(token));
    return isRight ? { socket, frames } : undefined;
  } catch {
    return undefined;
  }
}

/** How that process ended, in a phrase. */
export function endText({ spawnError, signal, exitCode, stderrTail }: ProcessEnd): string {
  if (spawnError !== undefined) return spawnError.message;
  const end = signal === null ? `exited with code ${exitCode}` : `killed by ${signal}`;
  const said = stderrTail.trim().split('\n').at(-1) ?? '';
  return said === '' ? end : `${end}: ${said.slice(0, 200)}`;
}

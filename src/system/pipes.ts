import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What goes into `writeFd` comes out of `reader`. Whoever takes one closes the first and destroys the second. */
export interface Pipe {
  readonly writeFd: number;
  readonly reader: Socket;
}

interface SparePipe {
  readonly writeFd: number;
  readonly readFd: number;
}

/** Made at once, so that mkfifo(1) runs for every eighth step or so only. */
const BATCH = 24;
const MAKING_DEADLINE_MS = 10_000;

/**
 * Real pipes. Node's own `stdio: 'pipe'` is a pair of sockets, and open(2) of /dev/stdout, /dev/stderr or /dev/fd/3
 * then fails with ENXIO in the child: `echo … >/dev/stderr` is common in handlers, and works under an agent that uses
 * pipe(2). Node cannot call pipe(2), so these are FIFOs, unlinked as soon as both ends are open.
 */
export class PipeSource {
  #spare: SparePipe[] = [];
  #making: Promise<number> | undefined;

  /** Undefined when the host cannot give them (no mkfifo, no place for temporary files, too many open files). */
  async take(count: number): Promise<Pipe[] | undefined> {
    // Others may take from a batch before we come to.
    while (this.#spare.length < count) if ((await this.#make()) === 0) return undefined;
    const taken = this.#spare.splice(0, count);
    // The next step need not wait for its own.
    if (this.#spare.length < count) void this.#make();
    return taken.map(({ writeFd, readFd }) => ({
      writeFd,
      reader: new Socket({ fd: readFd, readable: true, writable: false }),
    }));
  }

  /** One batch at a time, whoever asks; how many it has. */
  #make(): Promise<number> {
    this.#making ??= makePipes().then((made) => {
      this.#spare.push(...made);
      this.#making = undefined;
      return made.length;
    });
    return this.#making;
  }
}

/** Never rejects: what could not be made is not there. */
async function makePipes(): Promise<SparePipe[]> {
  const made: SparePipe[] = [];
  let directory: string | undefined;
  try {
    directory = await mkdtemp(join(tmpdir(), 'thing-agent-pipes-'));
    const paths = Array.from({ length: BATCH }, (_, index) => join(directory ?? '', String(index)));
    // Others may write: a child that runs as another user opens /dev/stderr anew. None reaches the path itself.
    await mkfifo(['-m', '622', ...paths]);
    for (const path of paths) made.push(openBothEnds(path));
  } catch {
    // The caller falls back to sockets.
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
  return made;
}

function openBothEnds(path: string): SparePipe {
  // Non-blocking, or the open would wait for a writer; fifo(7).
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return { readFd, writeFd: openSync(path, constants.O_WRONLY) };
  } catch (error) {
    closeSync(readFd);
    throw error;
  }
}

function mkfifo(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('mkfifo', args, { stdio: 'ignore', timeout: MAKING_DEADLINE_MS });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`mkfifo ended with ${code}`))));
  });
}

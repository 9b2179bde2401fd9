// The process of a plug-in: started by the agent with the plug-in's path, it imports it, answers whether it wants a
// document, and runs it once. It speaks with the agent over Node's IPC channel (plugin-messages.ts) and ends with it.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import type { JobHandler } from '../contract.ts';
import { askHandler, handlerProblem, isAbort, isJobHandler, performHandler, thrown } from './handler.ts';
import { type ChildMessage, parseAgentMessage, type RunMessage } from './messages.ts';
import { PluginReports } from './reports.ts';

/** How much sooner than its memory alone says the kernel's out-of-memory killer takes this process (proc(5)). */
const OOM_SCORE = '500';

/** Never throws; calls back when the message has been written, or cannot be. */
type Send = (message: ChildMessage, sent?: () => void) => void;

class PluginHost {
  readonly #send: Send;
  readonly #abort = new AbortController();
  readonly #reports: PluginReports;
  #handler: JobHandler | undefined;
  #running = false;

  constructor(send: Send) {
    this.#send = send;
    this.#reports = new PluginReports(send);
  }

  async load(path: string): Promise<void> {
    try {
      const module: unknown = await import(pathToFileURL(path).href);
      const exported =
        typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
      if (!isJobHandler(exported)) return this.#unusable(handlerProblem(exported) ?? 'it is no plug-in');
      this.#handler = exported;
      process.title = `thing-agent: plug-in ${exported.name}`;
      this.#send({ type: 'loaded', name: exported.name });
    } catch (error) {
      this.#unusable(`it cannot be imported: ${thrown(error)}${hint(error)}`);
    }
  }

  async hear(raw: unknown): Promise<void> {
    const message = parseAgentMessage(raw);
    if (message === undefined || this.#handler === undefined) return;
    switch (message.type) {
      case 'ask': {
        const acceptance = await askHandler(this.#handler, message.document);
        this.#send({ type: 'answer', id: message.id, acceptance });
        return;
      }
      case 'run':
        return this.#run(this.#handler, message);
      case 'abort':
        this.#abort.abort(new DOMException(message.reason, 'AbortError'));
        return;
      case 'saved':
        this.#reports.saved(message.id, message.problem);
    }
  }

  /** An error that nothing caught, or a rejected promise that nobody handled: Node would end the process too. */
  uncaught(error: unknown, origin: string): void {
    if (!process.connected) this.orphaned();
    if (this.#running && isAbort(error, this.#abort.signal)) {
      this.#end({ outcome: 'interrupted' });
      return;
    }
    process.stderr.write(`${inspect(error)}\n`);
    const what =
      origin === 'unhandledRejection' ? 'a rejected promise that nobody handled' : 'an error that nobody caught';
    const reason = `${what} ended its process: ${thrown(error)}`;
    if (this.#handler === undefined) this.#unusable(reason);
    else if (this.#running) this.#end({ outcome: 'failed', reason, details: {} });
    else process.exit(1);
  }

  /** The agent is gone: nobody hears a result any more, and the next agent may start this work anew at any moment. */
  orphaned(): never {
    if (this.#running) {
      try {
        process.kill(-process.pid, 'SIGKILL');
      } catch {
        // Not the leader of a group: then it ends alone.
      }
    }
    process.exit(1);
  }

  async #run(handler: JobHandler, message: RunMessage): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const { job, attempt, lastProgress, rebooted, scratchDirectory } = message;
    const { log, reportProgress, saveProgress } = this.#reports;
    const signal = this.#abort.signal;
    const about = { job, attempt, lastProgress, rebooted, scratchDirectory };
    const result = await performHandler(handler, { ...about, signal, log, reportProgress, saveProgress });
    await this.#reports.settle();
    this.#end(result);
  }

  #end(result: Extract<ChildMessage, { type: 'result' }>['result']): void {
    this.#send({ type: 'result', result }, () => void exitOnceWritten(0));
  }

  #unusable(problem: string): void {
    this.#send({ type: 'unusable', problem }, () => void exitOnceWritten(1));
  }
}

/** Pipes are written asynchronously here: an exit would cut off the end of the output. */
async function exitOnceWritten(code: number): Promise<void> {
  const written = (stream: NodeJS.WriteStream): Promise<void> =>
    stream.destroyed ? Promise.resolve() : new Promise((resolve) => void stream.write('', () => resolve()));
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(code);
}

/** Node keeps where a syntax error is for the last words of a process. */
function hint(error: unknown): string {
  return error instanceof SyntaxError ? ' (node --check FILE says where)' : '';
}

function preferredByOutOfMemoryKiller(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', OOM_SCORE);
  } catch {
    // No Linux, or a /proc that is read-only: the kernel chooses by memory alone.
  }
}

function start(): void {
  const path = process.argv[2];
  const send = process.send?.bind(process);
  if (path === undefined || send === undefined) {
    process.stderr.write('this program is started by thing-agent, for one plug-in\n');
    process.exit(64);
  }
  preferredByOutOfMemoryKiller();
  // With a callback a closed channel is told to it, and not thrown: the 'disconnect' that comes is what counts.
  const host = new PluginHost((message, sent) => void send(message, undefined, undefined, () => sent?.()));
  process.on('message', (message) => void host.hear(message));
  process.on('disconnect', () => host.orphaned());
  process.on('uncaughtException', (error, origin) => host.uncaught(error, origin));
  // Many a library tells a parent that it is ready if there is one: the channel is the agent's and ours. (`disconnect`
  // has to stay: Node calls it itself when the other end is gone.)
  Reflect.deleteProperty(process, 'send');
  void host.load(path);
}

start();

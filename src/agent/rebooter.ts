import type { Rebooter as RebooterPort } from '../execution/run-options.ts';
import type { RunnableExecution } from '../journal/journal.ts';
import type { RebootKind } from '../journal/step-record.ts';
import { readBootId } from '../system/boot-id.ts';
import type { ProcessRunner } from '../system/child-process.ts';
import { type Clock, sleep } from '../system/clock.ts';
import type { Log } from '../system/log.ts';

interface RebooterDeps {
  readonly commands: Readonly<Record<RebootKind, readonly string[]>>;
  readonly deadlineSeconds: number;
  readonly bootIdPath: string;
  readonly processes: Pick<ProcessRunner, 'run'>;
  readonly clock: Clock;
  readonly log: Log;
  /** No reboot is waited for any more: others may start. */
  readonly onReleased?: () => void;
}

/** Makes the device start anew, or power off, when no execution but those that want it is running. */
export class Rebooter implements RebooterPort {
  readonly #deps: RebooterDeps;
  readonly #onIdle = new Set<() => void>();
  #wanting = 0;
  /** Of all that want it now. */
  #kind: RebootKind = 'reboot';
  #running = 0;
  #asking: Promise<string | undefined> | undefined;

  constructor(deps: RebooterDeps) {
    this.#deps = deps;
  }

  /** A reboot is waited for: nothing new may start. */
  get wanted(): boolean {
    return this.#wanting > 0;
  }

  bootId(): string {
    return readBootId(this.#deps.bootIdPath);
  }

  /** It has asked for a new start that has not come: it will ask again, whatever else could begin first. */
  isDueFor({ state, step }: RunnableExecution): boolean {
    return state === 'rebooting' && step.bootId !== undefined && step.bootId === this.#bootIdIfKnown();
  }

  /**
   * One new boot id tells no reboot from a shutdown: of two executions that want one of each, neither would know whether
   * it has had its own.
   */
  want(how: RebootKind): (() => void) | undefined {
    if (this.wanted && this.#kind !== how) return undefined;
    this.#kind = how;
    this.#wanting += 1;
    return () => {
      this.#wanting -= 1;
      if (this.#wanting === 0) this.#deps.onReleased?.();
    };
  }

  /** How many executions are running, those that want a reboot among them. */
  running(count: number): void {
    this.#running = count;
    if (!this.#isIdle()) return;
    for (const wake of this.#onIdle) wake();
  }

  async reboot(how: RebootKind, signal: AbortSignal): Promise<string | undefined> {
    const { clock, deadlineSeconds, log } = this.#deps;
    await this.#idle(signal);
    if (signal.aborted) return undefined;
    // Two that want it at once are served by one command: they want the same.
    this.#asking ??= this.#ask(how).finally(() => {
      this.#asking = undefined;
    });
    const refused = await this.#asking;
    if (signal.aborted) return undefined;
    if (refused !== undefined) return refused;
    log.info({ deadlineSeconds }, how === 'reboot' ? 'waiting for the device to start anew' : 'waiting for power-off');
    await sleep(clock, deadlineSeconds * 1000, signal);
    if (signal.aborted) return undefined;
    const what = how === 'reboot' ? 'did not start anew' : 'did not power off';
    return `the device ${what} within ${deadlineSeconds} s (the boot id is the same)`;
  }

  #bootIdIfKnown(): string | undefined {
    try {
      return this.bootId();
    } catch {
      // Who asked for the new start will say so.
      return undefined;
    }
  }

  #isIdle(): boolean {
    return this.#running <= this.#wanting;
  }

  async #idle(signal: AbortSignal): Promise<void> {
    this.running(this.#running);
    while (!this.#isIdle() && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.#onIdle.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      await promise;
      this.#onIdle.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }

  /** Undefined when the host has taken the command; else why not. */
  async #ask(how: RebootKind): Promise<string | undefined> {
    const { commands, processes, log } = this.#deps;
    const words = commands[how];
    const [file = '', ...args] = words;
    log.warn(
      { command: words },
      how === 'reboot' ? 'the device is told to start anew' : 'the device is told to power off',
    );
    const end = await processes.run({
      file,
      args,
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      signal: AbortSignal.timeout(COMMAND_LIMIT_MS),
    });
    if (end.exitCode === 0) return undefined;
    const shown = words.join(' ');
    if (end.spawnError) return `the device cannot be told to: ${end.spawnError.message}`;
    const how2 = end.signal === null ? `exited with code ${end.exitCode}` : `was killed by ${end.signal}`;
    const said = end.stderrTail.trim();
    return `the device cannot be told to: "${shown}" ${how2}${said === '' ? '' : `: ${said}`}`;
  }
}

/** Milliseconds that the command may take: it asks, and the host does the rest. */
const COMMAND_LIMIT_MS = 60_000;

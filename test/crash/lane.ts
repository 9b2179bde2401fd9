import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateConfig } from '../../src/config/validate.ts';
import { openJournal } from '../../src/journal/journal-file.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Case } from './cases.ts';
import { handlerOf } from './promise.ts';
import { MOST_INTERRUPTIONS, type StepSpec } from './scenario.ts';
import type { Service } from './service.ts';

/** What has become of a case. */
export interface Actual {
  readonly lines: readonly string[];
  readonly trace: readonly string[];
  readonly status: string | undefined;
  readonly reason: string | undefined;
}

const PROGRAM = join(import.meta.dirname, 'agent-process.mjs');
const STEP = join(import.meta.dirname, 'step.sh');
const PLUGIN = join(import.meta.dirname, 'saver.mjs');
const REBOOT = join(import.meta.dirname, 'reboot.sh');
const POLL_MS = 10;
/** Milliseconds for one case, on a machine that has much else to do. */
const LIMIT_MS = 90_000;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));

/** One thing with its agent, which is started again whenever it ends. Cases run one after the other. */
export class Lane {
  readonly #thing: string;
  readonly #service: Service;
  readonly #directory: string;
  readonly #compileCache: string;
  readonly #done: { readonly one: Case; readonly actual: Actual }[] = [];
  #child: ChildProcess | undefined;
  #current: Case | undefined;
  #ends = 0;
  #deaths = 0;
  #isClosing = false;
  #hasPlugin = false;
  #hadPlugin = false;
  #closed = Promise.withResolvers<void>();
  /** What no agent should say or do. */
  readonly faults: string[] = [];

  constructor(thing: string, service: Service, directory: string, compileCache: string) {
    this.#thing = thing;
    this.#service = service;
    this.#directory = directory;
    this.#compileCache = compileCache;
    mkdirSync(this.#handlers, { recursive: true, mode: 0o755 });
    writeFileSync(join(directory, 'boot'), 'first\n');
    // reboot.sh finds the lane beside itself.
    writeFileSync(join(directory, 'reboot.sh'), readFileSync(REBOOT));
    // With a mode of its own: what others can write is no plug-in.
    writeFileSync(join(directory, 'saver.mjs'), readFileSync(PLUGIN), { mode: 0o644 });
  }

  async run(one: Case): Promise<Actual> {
    this.#current = one;
    this.#ends = 0;
    this.#deaths = 0;
    const { jobId, strikes, hangMs, scenario, expected } = one;
    writeFileSync(join(this.#directory, `${jobId}.json`), JSON.stringify({ strikes, hangMs }));
    writeFileSync(join(this.#directory, 'job'), jobId);
    writeFileSync(join(this.#directory, 'reboots'), (scenario.reboots ?? ['nothing']).join(' '));
    await this.#makeReady(scenario.isForPlugin === true);
    // What is to be struck comes as a notification, and only to an agent that has asked for its list already.
    if (strikes.some(({ point }) => point === 'recordOne')) await this.#listening();
    await this.#service.create(jobId, this.#thing, this.#document(one));
    const deadline = Date.now() + LIMIT_MS;
    const state = { killed: 0, isCancelled: false };
    let status: string | undefined;
    let reason: string | undefined;
    while (Date.now() < deadline) {
      await this.#tend(jobId, state);
      const trace = this.#read(`${jobId}.trace`);
      if (trace.some((entry, index) => entry !== expected.trace[index])) break;
      if (trace.length === expected.trace.length && this.#ends >= expected.ends) {
        const execution = await this.#service.execution(jobId, this.#thing);
        status = execution?.status;
        reason = execution?.statusDetails?.detailsMap?.['reason']?.replaceAll(`${this.#directory}/`, '');
        if (status === expected.status) break;
      }
      await pause();
    }
    const actual = { ...this.#seen(jobId), status, reason };
    this.#done.push({ one, actual });
    if (status !== expected.status) await this.#giveUp(jobId);
    return actual;
  }

  /** The log of the lane's agents, for a case that went wrong. */
  log(): string {
    return this.#read('log').slice(-40).join('\n');
  }

  /** Stops the agent, and tells what it has left behind that it should not have. */
  async close(): Promise<string[]> {
    this.#isClosing = true;
    if (this.#child) {
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child?.kill('SIGKILL'), 10_000);
      await this.#closed.promise;
      clearTimeout(timer);
    }
    const left = [...this.faults];
    for (const { one, actual } of this.#done) {
      const { lines, trace } = this.#seen(one.jobId);
      if (lines.length > actual.lines.length) left.push(`${one.title}: a step ran after its end: ${lines.join(', ')}`);
      if (trace.length > actual.trace.length)
        left.push(`${one.title}: a write came after its end: ${trace.join(', ')}`);
    }
    const state = this.#state;
    const journal = openJournal(state, { log: silentLog, onUnavailable: (error) => left.push(String(error)) });
    left.push(...journal.runnable().map(({ jobId, state }) => `${jobId} is still ${state}`));
    left.push(...journal.outbox().map(({ jobId }) => `${jobId} is still in the outbox`));
    journal.close();
    // Idle processes of plug-ins end with their agent, which does not wait for that: the next one finds them gone.
    for (const name of this.#hadPlugin ? ['scratch'] : ['scratch', 'processes']) {
      if (existsSync(join(state, name)))
        left.push(...readdirSync(join(state, name)).map((entry) => `${name}/${entry}`));
    }
    return left;
  }

  get #state(): string {
    return join(this.#service.thingDirectory(this.#thing), 'state');
  }

  /** A plug-in costs each agent a process, so that only those have one that are to use it. */
  async #makeReady(hasPlugin: boolean): Promise<void> {
    const isReady = this.#child !== undefined && this.#hasPlugin === hasPlugin;
    this.#hasPlugin = hasPlugin;
    this.#hadPlugin ||= hasPlugin;
    if (!this.#child) this.#start();
    else if (!isReady) await this.#restart();
  }

  async #listening(): Promise<void> {
    const begin = `${this.#child?.pid} `;
    while (!this.#read('log').some((line) => line.startsWith(begin) && line.includes('"pending jobs"'))) await pause();
  }

  /** Between two cases nothing can tell that from any other start. */
  async #restart(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    const ends = this.#ends;
    this.#child?.kill('SIGKILL');
    while (this.#ends === ends) await pause();
    this.#current = current;
    this.#ends = 0;
    this.#deaths = 0;
  }

  /** Kills an agent that has stopped moving, and cancels what asks to be cancelled. */
  async #tend(jobId: string, state: { killed: number; isCancelled: boolean }): Promise<void> {
    const hung = this.#read(`${jobId}.trace`).filter((entry) => entry.endsWith('!before')).length;
    if (hung > state.killed) {
      state.killed = hung;
      this.#child?.kill('SIGKILL');
    }
    if (!state.isCancelled && existsSync(join(this.#directory, `${jobId}.lines.cancel`))) {
      state.isCancelled = true;
      await this.#service.cancel(jobId);
      writeFileSync(join(this.#directory, `${jobId}.lines.cancelled`), '');
    }
  }

  /** Whatever it is at, the next case is to find a lane that is free. */
  async #giveUp(jobId: string): Promise<void> {
    await this.#service.cancel(jobId).catch(() => undefined);
    writeFileSync(join(this.#directory, `${jobId}.json`), JSON.stringify({ strikes: [], hangMs: 0 }));
    this.#current = undefined;
    await this.#restart();
  }

  #start(): void {
    const forbidden = this.#deaths > 0 && this.#current?.scenario.afterFirstDeath === 'forbidden';
    writeFileSync(
      join(this.#directory, 'agent.json'),
      JSON.stringify(this.#config(forbidden && this.#current ? [handlerOf(this.#current.jobId)] : [])),
    );
    const child = spawn(process.execPath, [PROGRAM, this.#directory, this.#compileCache], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (!/ExperimentalWarning|node --trace-warnings/.test(chunk)) this.faults.push(`an agent wrote: ${chunk}`);
    });
    child.once('exit', (code, signal) => void this.#ended(code, signal));
    this.#child = child;
  }

  async #ended(code: number | null, signal: string | null): Promise<void> {
    if (this.#isClosing) {
      this.#closed.resolve();
      return;
    }
    if (code !== 0 && signal !== 'SIGKILL') this.faults.push(`an agent ended with ${signal ?? code}`);
    if (signal === 'SIGKILL') {
      this.#deaths += 1;
      const { scenario, jobId } = this.#current ?? {};
      if (this.#deaths === 1 && jobId && scenario?.afterFirstDeath === 'cancelled') await this.#service.cancel(jobId);
    }
    this.#start();
    this.#ends += 1;
  }

  get #handlers(): string {
    return join(this.#directory, 'handlers');
  }

  #config(denyHandlers: readonly string[]): object {
    const thing = this.#service.thingDirectory(this.#thing);
    const settings = JSON.parse(readFileSync(join(thing, 'agent.json'), 'utf8')) as object;
    const validated = validateConfig(
      {
        ...settings,
        jobs: { maxInterruptions: MOST_INTERRUPTIONS, stopGraceSeconds: 0 },
        reboot: { command: ['sh', join(this.#directory, 'reboot.sh')], bootIdPath: join(this.#directory, 'boot') },
        policy: { denyHandlers },
        handlers: { directory: this.#handlers, plugins: this.#hasPlugin ? [join(this.#directory, 'saver.mjs')] : [] },
      },
      thing,
    );
    if (!validated.ok) throw new Error(validated.problems.join('; '));
    const { config } = validated;
    // Sooner than a configuration may have it: nobody waits here for a device that really starts anew.
    return { ...config, reboot: { ...config.reboot, deadlineSeconds: 1 } };
  }

  #document({ jobId, scenario }: Case): unknown {
    if (scenario.isForPlugin) return { save: join(this.#directory, `${jobId}.lines`) };
    // A handler for each job, so that one of them can be forbidden.
    const handler = handlerOf(jobId);
    writeFileSync(join(this.#handlers, handler), readFileSync(STEP), { mode: 0o755 });
    const action = (spec: StepSpec) => ({
      action: {
        name: scenario.isInvalid ? '' : spec.name,
        type: 'runHandler',
        input: { handler, args: [join(this.#directory, `${jobId}.lines`), spec.name, ...spec.runs] },
        onInterrupted: spec.onInterrupted,
        ignoreStepFailure: spec.ignoreFailure,
        timeoutSeconds: spec.timeoutSeconds,
        pointOfNoReturn: spec.pointOfNoReturn,
        retry: spec.retries === undefined ? undefined : { attempts: spec.retries },
      },
    });
    const all = scenario.steps.map(action);
    return {
      version: '1.0',
      timeoutSeconds: scenario.timeoutSeconds,
      steps: scenario.hasFinalStep ? all.slice(0, -1) : all,
      finalStep: scenario.hasFinalStep ? all.at(-1) : undefined,
      cleanup: scenario.cleanup?.map(action),
    };
  }

  #seen(jobId: string): { lines: string[]; trace: string[] } {
    return { lines: this.#read(`${jobId}.lines`), trace: this.#read(`${jobId}.trace`) };
  }

  #read(name: string): string[] {
    const path = join(this.#directory, name);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  CreateJobCommand,
  DescribeJobExecutionCommand,
  IoTClient,
  type JobExecution,
  ListJobExecutionsForThingCommand,
} from '@aws-sdk/client-iot';
import { IoTJobsDataPlaneClient } from '@aws-sdk/client-iot-jobs-data-plane';
import { expect } from 'vitest';
import { choosePorts, type Ports } from './free-port.ts';

const MAIN = join(import.meta.dirname, '../../dist/main.js');
const TERMINAL = ['SUCCEEDED', 'FAILED', 'REJECTED', 'CANCELED', 'TIMED_OUT', 'REMOVED'];

/** Milliseconds that a job, or a line of log, may take on a machine that has other things to do. */
const PATIENCE_MS = 60_000;

/** One line of a process's JSON log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A built `thing-agent` process: its log as it comes, its end. */
export class ThingAgentProcess {
  readonly child: ChildProcess;
  readonly log: LogLine[] = [];
  stderr = '';
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  #onLine: (() => void)[] = [];

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    });
    const { stdout, stderr } = this.child;
    if (!stdout || !stderr) throw new Error('no pipes');
    createInterface({ input: stdout }).on('line', (line) => this.#take(line));
    stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve(code ?? signal ?? 'unknown');
        for (const wake of this.#onLine) wake();
      });
    });
  }

  /** The first line, past or future, that satisfies the test. */
  async line(test: (line: LogLine) => boolean, what: string, timeoutMs = PATIENCE_MS): Promise<LogLine> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.log.find(test);
      if (found) return found;
      const left = deadline - Date.now();
      if (left <= 0 || this.child.exitCode !== null) {
        throw new Error(`no ${what} in the log:\n${this.tail()}\n${this.stderr}`);
      }
      await this.#nextLine(left);
    }
  }

  message(text: string | RegExp, timeoutMs?: number): Promise<LogLine> {
    return this.line((line) => String(line['msg']).match(text) !== null, `message ${String(text)}`, timeoutMs);
  }

  tail(): string {
    return this.log
      .slice(-25)
      .map((line) => JSON.stringify(line))
      .join('\n');
  }

  /** Signals and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    this.child.kill(signal);
    return this.ended;
  }

  #take(line: string): void {
    try {
      this.log.push(JSON.parse(line) as LogLine);
    } catch {
      this.log.push({ msg: line });
    }
    for (const wake of this.#onLine.splice(0)) wake();
  }

  #nextLine(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onLine.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

interface Ready {
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly caPath: string;
}

/** A simulator process with the thing `pi`, and agents on it: everything real, in one temporary directory. */
export class Lab {
  readonly directory = mkdtempSync(join(tmpdir(), 'thing-agent-lab-'));
  readonly #agents: ThingAgentProcess[] = [];
  #simulator: ThingAgentProcess | undefined;
  #ready: Ready | undefined;
  #chosen: Ports | undefined;

  static async start(): Promise<Lab> {
    const lab = new Lab();
    await lab.startSimulator();
    return lab;
  }

  get ports(): Ready {
    if (!this.#ready) throw new Error('the simulator is not up');
    return this.#ready;
  }

  get iot(): IoTClient {
    return new IoTClient({
      endpoint: `http://127.0.0.1:${this.ports.httpPort}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
  }

  get device(): IoTJobsDataPlaneClient {
    return new IoTJobsDataPlaneClient({
      endpoint: `http://127.0.0.1:${this.ports.httpPort}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
  }

  /** Starts it, or starts it again on the same ports and data. */
  async startSimulator(): Promise<void> {
    this.#chosen ??= await choosePorts();
    const { mqttPort, httpPort, httpsPort } = this.#chosen;
    const ports = ['--mqtt-port', mqttPort, '--http-port', httpPort, '--https-port', httpsPort].map(String);
    this.#simulator = new ThingAgentProcess([
      'simulate',
      ...ports,
      ...['--data-dir', join(this.directory, 'simulator'), '--thing', 'pi', '--thing', 'other'],
    ]);
    const ready = await this.#simulator.line((line) => line['event'] === 'ready', 'ready event');
    this.#ready = ready as unknown as Ready;
  }

  async stopSimulator(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#simulator?.stop(signal);
  }

  thingFile(name: string, file: string): string {
    return join(this.directory, 'simulator', 'things', name, file);
  }

  /** Writes the thing's config with changes, and starts an agent with it. */
  startAgent(changes: Record<string, unknown> = {}, env: NodeJS.ProcessEnv = {}): ThingAgentProcess {
    const agent = new ThingAgentProcess(['run', '--config', this.writeConfig(changes)], env);
    this.#agents.push(agent);
    return agent;
  }

  writeConfig(changes: Record<string, unknown> = {}): string {
    const config = JSON.parse(readFileSync(this.thingFile('pi', 'agent.json'), 'utf8')) as Record<string, unknown>;
    const path = join(this.directory, 'agent.json');
    writeFileSync(path, JSON.stringify({ ...config, ...changes }));
    return path;
  }

  /** Ready to take jobs: its first list has arrived. */
  async startReadyAgent(changes: Record<string, unknown> = {}): Promise<ThingAgentProcess> {
    const agent = this.startAgent(changes);
    await agent.message(/^pending jobs$/);
    return agent;
  }

  async createJob(jobId: string, document: unknown, thing = 'pi'): Promise<void> {
    const targets = [`arn:aws:iot:us-east-1:123456789012:thing/${thing}`];
    await this.iot.send(new CreateJobCommand({ jobId, targets, document: JSON.stringify(document) }));
  }

  async execution(jobId: string): Promise<JobExecution> {
    const { execution } = await this.iot.send(new DescribeJobExecutionCommand({ jobId, thingName: 'pi' }));
    if (!execution) throw new Error(`no execution of ${jobId}`);
    return execution;
  }

  async statuses(): Promise<Record<string, string>> {
    const answer = await this.iot.send(new ListJobExecutionsForThingCommand({ thingName: 'pi', maxResults: 250 }));
    const pairs = (answer.executionSummaries ?? []).map((summary) => [
      summary.jobId ?? '',
      summary.jobExecutionSummary?.status ?? '',
    ]);
    return Object.fromEntries(pairs) as Record<string, string>;
  }

  /** Waits for a final status and returns it with its details. */
  async outcome(jobId: string, timeout = PATIENCE_MS): Promise<{ status: string; details: Record<string, string> }> {
    let execution: JobExecution | undefined;
    await expect
      .poll(
        async () => {
          execution = await this.execution(jobId);
          return TERMINAL.includes(execution.status ?? '');
        },
        { timeout, interval: 50, message: `${jobId} has not ended\n${this.#agents.at(-1)?.tail()}` },
      )
      .toBe(true);
    return { status: execution?.status ?? '', details: execution?.statusDetails?.detailsMap ?? {} };
  }

  /** A file that steps write into. */
  file(name: string): string {
    return join(this.directory, name);
  }

  /** The words of a step that appends a line to it. */
  append(name: string, text: string): string[] {
    return ['sh', '-c', `echo ${text} >> ${this.file(name)}`];
  }

  /** Its lines; none if it is not there. */
  lines(name: string): string[] {
    return existsSync(this.file(name)) ? readFileSync(this.file(name), 'utf8').split('\n').filter(Boolean) : [];
  }

  /** One of the simulator's own endpoints (docs/simulator.md): `POST time`, `DELETE faults` … */
  async control(method: string, path: string, body?: object): Promise<unknown> {
    const url = `http://127.0.0.1:${this.ports.httpPort}/_simulator/${path}`;
    const response = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.child.kill('SIGKILL');
    await Promise.all(this.#agents.map((agent) => agent.ended));
    await this.stopSimulator();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** An AWS schema 1.0 document: each argument is one runCommand step, its words in a list. */
export function commands(...steps: readonly (readonly string[])[]): unknown {
  return {
    version: '1.0',
    steps: steps.map((words, index) => ({
      action: {
        name: `step-${index + 1}`,
        type: 'runCommand',
        input: { command: words.map((word) => word.replaceAll(',', '\\,')).join(',') },
      },
    })),
  };
}

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateJobCommand, type CreateJobCommandInput } from '@aws-sdk/client-iot';
import { Lab } from './lab.ts';

export interface Outcome {
  readonly status: string;
  readonly details: Record<string, string>;
}

const TARGETS = ['arn:aws:iot:us-east-1:123456789012:thing/pi'];

/** A Lab for what jobs do on a device: handlers on its disk, templates, the local logs of executions. */
export class HandlerLab extends Lab {
  static override async start(): Promise<HandlerLab> {
    const lab = new HandlerLab();
    await lab.startSimulator();
    return lab;
  }

  /** A directory that nobody else can write, whatever the umask. */
  folder(name: string, mode = 0o755): string {
    const path = this.file(name);
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    return path;
  }

  /** An executable in one of these directories: its lines of shell; `$LAB` is the lab's directory. */
  script(folder: string, name: string, body: string, mode = 0o755): string {
    const path = join(this.folder(folder), name);
    writeFileSync(path, `#!/bin/sh\nLAB='${this.directory}'\n${body}\n`);
    chmodSync(path, mode);
    return path;
  }

  /** Creates a job as a fleet's owner does from a template that AWS manages. */
  async createFromTemplate(
    jobId: string,
    templateName: string,
    documentParameters: Record<string, string> = {},
    changes: Partial<CreateJobCommandInput> = {},
  ): Promise<void> {
    const jobTemplateArn = `arn:aws:iot:us-east-1::jobtemplate/${templateName}:1.0`;
    const parameters = Object.keys(documentParameters).length === 0 ? {} : { documentParameters };
    await this.iot.send(new CreateJobCommand({ jobId, targets: TARGETS, jobTemplateArn, ...parameters, ...changes }));
  }

  /** Creates a job with more than its document. */
  async createJobWith(jobId: string, document: unknown, changes: Partial<CreateJobCommandInput>): Promise<void> {
    await this.iot.send(
      new CreateJobCommand({ jobId, targets: TARGETS, document: JSON.stringify(document), ...changes }),
    );
  }

  /** Creates all of these jobs, and waits for what becomes of them. */
  async run<Id extends string>(jobs: Readonly<Record<Id, unknown>>): Promise<Record<Id, Outcome>> {
    const entries = Object.entries(jobs) as [Id, unknown][];
    for (const [jobId, document] of entries) await this.createJob(jobId, document);
    return this.outcomes(entries.map(([jobId]) => jobId));
  }

  async outcomes<Id extends string>(jobIds: readonly Id[]): Promise<Record<Id, Outcome>> {
    const ends: [Id, Outcome][] = [];
    for (const jobId of jobIds) ends.push([jobId, await this.outcome(jobId)]);
    return Object.fromEntries(ends) as Record<Id, Outcome>;
  }

  get stateDirectory(): string {
    return join(this.directory, 'simulator', 'things', 'pi', 'state');
  }

  /** What the device keeps of an execution: the output of its programs, and how its steps ended. */
  executionLog(jobId: string): string {
    const path = join(this.stateDirectory, 'logs', `${jobId}-1.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** The lines that one stream of its programs has written. */
  outputOf(jobId: string, stream: 'stdout' | 'stderr' = 'stdout'): string[] {
    return [...this.executionLog(jobId).matchAll(new RegExp(`^\\S+ ${stream}: (.*)$`, 'gm'))].map(
      ([, text = '']) => text,
    );
  }

  /** Into the simulator's stand-in for S3. */
  async putObject(path: string, body: Uint8Array<ArrayBuffer> | string): Promise<void> {
    const url = `http://127.0.0.1:${this.ports.httpPort}/_simulator/objects/${path}`;
    const response = await fetch(url, { method: 'PUT', body });
    if (!response.ok) throw new Error(`PUT ${url}: ${response.status}`);
  }
}

/** A document of schema 1.0: each argument is one step's action, without a name where that does not matter. */
export function documentOf(...actions: readonly object[]): { version: string; steps: object[] } {
  return { version: '1.0', steps: actions.map(step) };
}

export function step(action: object, index = 0): object {
  return { action: { name: `step-${index + 1}`, ...action } };
}

/** A step of a program found by PATH; its words are taken as they are. */
export function command(...words: readonly string[]): { type: string; input: { command: readonly string[] } } {
  return { type: 'runCommand', input: { command: words } };
}

/** A step of lines of shell. */
export function shell(script: string): ReturnType<typeof command> {
  return command('sh', '-c', script);
}

/** A step of a file in the handler directory. */
export function handler(name: string, ...args: readonly string[]): object {
  return { type: 'runHandler', input: { handler: name, args, path: 'default' } };
}

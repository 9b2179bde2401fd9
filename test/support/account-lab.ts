import { tmpdir } from 'node:os';
import { Account } from '../../src/simulator/account.ts';
import type { Decisions } from '../../src/simulator/decisions.ts';
import { MovableClock } from '../../src/simulator/movable-clock.ts';
import { Settings } from '../../src/simulator/settings.ts';
import { Store } from '../../src/simulator/store.ts';

export const ARN = 'arn:aws:iot:us-east-1:123456789012';
/** A Monday, 2026-01-05T00:00:00Z. */
export const START = Date.UTC(2026, 0, 5);
export const MINUTE = 60_000;

/** A message of the service; the topic without what all topics of a thing's jobs begin with. */
export interface Published {
  readonly topic: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** An account with no ports, whose time stands still unless it is moved. */
export class AccountLab {
  readonly store: Store;
  readonly clock: MovableClock;
  readonly settings: Settings;
  readonly account: Account;
  readonly faults: unknown[] = [];
  #published: Published[] = [];

  constructor(options: { decisions?: Partial<Decisions>; store?: Store; now?: number } = {}) {
    const now = options.now ?? START;
    this.store = options.store ?? new Store(':memory:');
    this.clock = new MovableClock({ source: () => now });
    this.clock.onFault((error) => this.faults.push(error));
    this.settings = new Settings(options.decisions);
    this.account = new Account({
      store: this.store,
      clock: this.clock,
      region: 'us-east-1',
      accountId: '123456789012',
      settings: this.settings,
      objectsDirectory: tmpdir(),
      baseUrl: () => 'http://127.0.0.1:8080',
      publish: (topic, payload) => this.#published.push({ topic, payload: { ...payload } }),
      certificateChanged: () => undefined,
    });
  }

  get jobs() {
    return this.account.jobs.jobs;
  }

  get executions() {
    return this.account.jobs.executions;
  }

  get devices() {
    return this.account.jobs.devices;
  }

  things(...names: readonly string[]): void {
    for (const name of names) this.account.registry.things.create(name);
  }

  group(name: string, ...things: readonly string[]): void {
    this.account.registry.groups.create(name, {});
    for (const thing of things) this.join(thing, name);
  }

  join(thing: string, group: string): void {
    this.account.registry.membership.add(thing, group);
  }

  leave(thing: string, group: string): void {
    this.account.registry.membership.remove(thing, group);
  }

  /** For the things `t1`, `t2` …, or groups given as `@name`. */
  job(jobId: string, targets: readonly string[] = ['t1'], fields: object = {}): void {
    const arns = targets.map((target) =>
      target.startsWith('@') ? `${ARN}:thinggroup/${target.slice(1)}` : `${ARN}:thing/${target}`,
    );
    const document = 'jobTemplateArn' in fields || 'documentSource' in fields ? {} : { document: '{"a":1}' };
    this.jobs.create(jobId, { targets: arns, ...document, ...fields });
  }

  update(thing: string, jobId: string, status: string, fields: object = {}): unknown {
    return this.devices.update(thing, jobId, { status, ...fields });
  }

  /** What DescribeJob says, loosely typed: a test looks at what it is about. */
  describe(jobId: string): Record<string, unknown> {
    const { job } = this.jobs.describe(jobId, false) as { job: Record<string, unknown> };
    return job;
  }

  /** The counts of DescribeJob that are not zero: `{ Queued: 1 }`. */
  counts(jobId: string): Record<string, number> {
    const details = this.describe(jobId)['jobProcessDetails'] as Record<string, number>;
    const entries = Object.entries(details).filter(([name, count]) => name !== 'processingTargets' && count > 0);
    return Object.fromEntries(entries.map(([name, count]) => [name.replace(/^numberOf|Things$/g, ''), count]));
  }

  /** Every execution of a thing, oldest first, as `job#number STATUS`. */
  statuses(thing: string): string[] {
    const { executionSummaries } = this.executions.listForThing(thing, { maxResults: '250' }) as {
      executionSummaries: { jobId: string; jobExecutionSummary: { status: string; executionNumber: number } }[];
    };
    return executionSummaries.map(
      ({ jobId, jobExecutionSummary: { status, executionNumber } }) => `${jobId}#${executionNumber} ${status}`,
    );
  }

  /** What was published since the last call; notifications of answers included. */
  take(): Published[] {
    this.account.jobs.flushNotifications();
    const taken = this.#published;
    this.#published = [];
    return taken;
  }

  /** The topics of what an action causes, without `$aws/things/`. */
  topics(action: () => void): string[] {
    this.take();
    action();
    return this.take().map(({ topic }) => topic.replace(/^\$aws\/things\//, ''));
  }

  advance(minutes: number): void {
    this.clock.advance(minutes * MINUTE);
  }
}

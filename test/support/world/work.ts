import type { Plan, Planner, Step, Verdict } from '../../../src/execution/plan.ts';
import type { StepContext, StepResult } from '../../../src/handlers/step.ts';
import { sleep } from '../../../src/system/clock.ts';
import type { DeviceClock } from './world-clock.ts';

/** A job document of these tests: steps that are done in this process, and take no time but that of the world. */
export interface WorkDocument {
  /** Another for each job, also of the same id: it tells whose step has run, and whose word has come to the service. */
  readonly edition: string;
  readonly steps: readonly WorkStep[];
  readonly cleanup?: readonly WorkStep[];
  readonly timeoutSeconds?: number;
  /** Nobody accepts it. */
  readonly unacceptable?: boolean;
  /** Changes with each delivery, as a presigned URL does. */
  readonly url?: string;
}

export interface WorkStep {
  readonly name: string;
  /** Seconds that each start takes; default 0. */
  readonly seconds?: number;
  /**
   * How each start ends, in their order; the last stands for all that follow. Default: succeed. `reboot` and `shutdown`
   * succeed when the device has started anew.
   */
  readonly ends?: readonly ('succeed' | 'fail' | 'defer' | 'reboot' | 'shutdown')[];
  readonly timeoutSeconds?: number;
  readonly retry?: { readonly attempts: number; readonly delaySeconds: number };
  readonly onInterrupted?: 'retry' | 'fail' | 'skip';
  readonly pointOfNoReturn?: boolean;
  readonly ignoreFailure?: boolean;
  /** Does not end when it is told to. */
  readonly stubborn?: boolean;
  /** Tells the cloud that it has begun. */
  readonly progress?: boolean;
}

/** What a step has done. `ended`: cut off. */
export interface Deed {
  readonly edition: string;
  readonly executionNumber: number;
  /** Its name; `cleanup: ` stands before one of the cleanup. */
  readonly step: string;
  readonly what: 'started' | 'succeeded' | 'failed' | 'deferred' | 'rebooting' | 'ended';
  /** When, in epoch milliseconds of the world. */
  readonly at: number;
}

/** All that steps have done on one thing, through every start of its agent, and what must never be seen among it. */
export class Deeds {
  readonly all: Deed[] = [];
  readonly violations: string[] = [];
  readonly #over = new Set<string>();
  readonly #now: () => number;
  #running = 0;
  mostAtOnce = 0;

  /** @param now epoch milliseconds of the world. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** `edition#number step` of every start, in their order. */
  get starts(): string[] {
    return this.all.filter(({ what }) => what === 'started').map(({ step, ...run }) => `${nameOf(run)} ${step}`);
  }

  /** Of one job's edition: `step what`, in their order. */
  of(edition: string, executionNumber = 1): string[] {
    return this.all
      .filter((deed) => deed.edition === edition && deed.executionNumber === executionNumber)
      .map(({ step, what }) => `${step} ${what}`);
  }

  add(deed: Omit<Deed, 'at'>): void {
    const id = `${nameOf(deed)} ${deed.step}`;
    if (deed.what === 'started') {
      if (this.#over.has(id) || this.#over.has(nameOf(deed)))
        this.violations.push(`${id} ran again after its end was on disk`);
      this.#running += 1;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#running);
    } else this.#running -= 1;
    this.all.push({ ...deed, at: this.#now() });
  }

  /** The step's end is in the journal: it must not start again. */
  onDisk(run: RunOfEdition, step: string): void {
    this.#over.add(`${nameOf(run)} ${step}`);
  }

  /** The result of the whole is. */
  resultOnDisk(run: RunOfEdition): void {
    this.#over.add(nameOf(run));
  }

  /** The device has died, and what ran with it. */
  died(): void {
    this.#running = 0;
  }
}

export interface RunOfEdition {
  readonly edition: string;
  readonly executionNumber: number;
}

export function nameOf({ edition, executionNumber }: RunOfEdition): string {
  return `${edition}#${executionNumber}`;
}

export function cleanupName(name: string): string {
  return `cleanup: ${name}`;
}

export function isWork(document: unknown): document is WorkDocument {
  return typeof document === 'object' && document !== null && 'edition' in document && 'steps' in document;
}

/** Plans work documents for one start of a device. */
export class WorkPlanner implements Planner {
  readonly #deeds: Deeds;
  readonly #clock: DeviceClock;
  readonly #isDead: () => boolean;

  constructor(deeds: Deeds, clock: DeviceClock, isDead: () => boolean) {
    this.#deeds = deeds;
    this.#clock = clock;
    this.#isDead = isDead;
  }

  async plan(document: unknown): Promise<Verdict> {
    if (!isWork(document)) return { kind: 'rejected', reason: 'this is no work' };
    if (document.unacceptable) return { kind: 'rejected', reason: `${document.edition} is not acceptable` };
    const { timeoutSeconds, cleanup = [] } = document;
    const plan: Plan = {
      handler: 'work',
      steps: document.steps.map((step) => this.#step(document, step, step.name)),
      cleanup: cleanup.map((step) => this.#step(document, step, cleanupName(step.name))),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    };
    return { kind: 'plan', plan };
  }

  #step({ edition }: WorkDocument, step: WorkStep, name: string): Step {
    const { ignoreFailure = false, onInterrupted = 'retry', timeoutSeconds, retry, pointOfNoReturn } = step;
    return {
      ...{ name: step.name, ignoreFailure, onInterrupted, timeoutSeconds, retry, pointOfNoReturn },
      run: (context) => this.#run(context, edition, step, name),
    };
  }

  async #run(context: StepContext, edition: string, step: WorkStep, name: string): Promise<StepResult> {
    const { job, signal, attempt, reportProgress } = context;
    const { seconds = 0, ends = ['succeed'], stubborn = false } = step;
    const tell = (what: Deed['what']): void =>
      this.#deeds.add({ edition, executionNumber: job.executionNumber, step: name, what });
    if (this.#isDead()) return new Promise(() => undefined);
    tell('started');
    if (step.progress) reportProgress({ edition, progress: name });
    const due = this.#clock.now() + seconds * 1000;
    await sleep(this.#clock, seconds * 1000, stubborn ? undefined : signal);
    // What goes on here has no process any more.
    if (this.#isDead()) return new Promise(() => undefined);
    if (this.#clock.now() < due) {
      tell('ended');
      return { outcome: 'interrupted' };
    }
    const details = { edition };
    switch (ends[Math.min(attempt, ends.length) - 1]) {
      case 'fail':
        tell('failed');
        return { outcome: 'failed', reason: `${name} is to fail`, details };
      case 'defer':
        tell('deferred');
        return { outcome: 'deferred', reason: `${name} is not to run yet` };
      case 'reboot':
        if (context.rebooted) break;
        tell('rebooting');
        return { outcome: 'reboot' };
      case 'shutdown':
        if (context.rebooted) break;
        tell('rebooting');
        return { outcome: 'reboot', how: 'shutdown' };
    }
    tell('succeeded');
    return { outcome: 'succeeded', details };
  }
}

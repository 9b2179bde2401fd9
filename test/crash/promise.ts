import { type Deed, MOST_INTERRUPTIONS, MOST_REBOOTS, type Scenario, type StepSpec, type Strike } from './scenario.ts';

/** What was promised of an execution: computed from a scenario and what strikes it, with none of the agent's code. */
export interface Promised {
  /** What its steps have done in the world, in order: `<step> <attempt>`, and `REBOOT` for each time the host was asked. */
  readonly lines: readonly string[];
  /** Its writes to the journal: `<state>.<event>`, with `!<kind>` where a strike has hit. */
  readonly trace: readonly string[];
  /** At the service. */
  readonly status: string;
  /** Undefined where nothing is reported. */
  readonly reason: string | undefined;
  /** How often a strike has hit. */
  readonly hits: number;
  /** How often the agent has ended. */
  readonly ends: number;
  /** For each entry of the trace: how many things had been done outside the journal before it. */
  readonly acts: readonly number[];
}

type State =
  | ('queued' | 'claimed' | 'running' | 'stopped' | 'waiting')
  | ('rebooting' | 'cleaning' | 'finished' | 'settled');
type Outcome = { readonly status: string; readonly reason: string } | 'unwanted';

/** What is on the device's disk. */
interface Disk {
  readonly state: State;
  readonly outcome: Outcome | undefined;
  /** The step that is due: of the steps, or of the cleanup. */
  readonly index: number;
  readonly attempts: number;
  readonly interruptions: number;
  readonly failures: number;
  readonly reboots: number;
  /** The boot in which it asked for a reboot last. */
  readonly bootOfReboot: number | undefined;
  /** How its last start stands: amid it, cut off by a stop, or over. */
  readonly last: 'none' | 'amid' | 'stopped' | 'over';
  readonly hasProgress: boolean;
  /** Steps before it. */
  readonly ignored: number;
  readonly skipped: number;
}

const FRESH = {
  attempts: 0,
  interruptions: 0,
  failures: 0,
  reboots: 0,
  bootOfReboot: undefined,
  last: 'none',
  hasProgress: false,
} as const;

/** The agent is gone; what is on disk and in the world stays. */
class Gone {
  readonly isDeath: boolean;

  constructor(isDeath: boolean) {
    this.isDeath = isDeath;
  }
}

/** The same agent takes the execution up again, from what is on disk. */
class Again {}

class Defect {}

/** What an error at a write leads to. */
type OnError = 'tried again' | 'begun anew' | 'the end';

type StepEnd = 'succeeded' | 'unwanted' | { readonly failed: string; readonly mayRetry?: boolean };

export function promised(scenario: Scenario, strikes: readonly Strike[], jobId: string): Promised {
  return new Model(scenario, [...(scenario.history ?? []), ...strikes], jobId).run();
}

/** The handler of one job's steps. */
export function handlerOf(jobId: string): string {
  return `${jobId}.sh`;
}

export function isOfList({ point }: Strike): boolean {
  return point === 'recordList' || point === 'recordOne';
}

class Model {
  readonly #scenario: Scenario;
  readonly #strikes: readonly Strike[];
  readonly #jobId: string;
  readonly #lines: string[] = [];
  readonly #trace: string[] = [];
  readonly #acts: number[] = [];
  readonly #occurrences = new Map<string, number>();
  #actsDone = 0;
  #hits = 0;
  #deaths = 0;
  #ends = 0;
  #boot = 1;
  #asked = 0;
  #service = 'QUEUED';
  #reason: string | undefined;
  #disk: Disk = { state: 'queued', outcome: undefined, index: 0, ...FRESH, ignored: 0, skipped: 0 };

  constructor(scenario: Scenario, strikes: readonly Strike[], jobId: string) {
    this.#scenario = scenario;
    this.#strikes = strikes;
    this.#jobId = jobId;
  }

  run(): Promised {
    this.#comeToKnow();
    while (!this.#live());
    return {
      lines: this.#lines,
      trace: this.#trace,
      status: this.#service,
      reason: this.#reason,
      hits: this.#hits,
      ends: this.#ends,
      acts: this.#acts,
    };
  }

  /** The lists and notifications that name the job, as far as they are struck: from the first on. */
  #comeToKnow(): void {
    for (const { point, times, kind } of this.#strikes.filter((strike) => isOfList(strike))) {
      for (let time = 0; time < times; time += 1) {
        this.#trace.push(`list.${point}!${kind}`);
        this.#acts.push(this.#actsDone);
        this.#hits += 1;
        if (kind === 'before' || kind === 'after') this.#ends += 1;
      }
    }
  }

  /** One life of the agent. Returns whether nothing is left to do. */
  #live(): boolean {
    try {
      for (;;) {
        const { state } = this.#disk;
        if ((state === 'settled' || state === 'queued') && this.#isOver) return true;
        try {
          if (state === 'finished') this.#report();
          else if (state === 'settled') this.#write('reopen', 'finished', {}, 'begun anew');
          else this.#work();
        } catch (again) {
          const outcome = { status: 'FAILED', reason: 'internal error: that cannot be' };
          if (again instanceof Defect) this.#write('finish', 'finished', { outcome });
          else if (!(again instanceof Again)) throw again;
        }
      }
    } catch (gone) {
      if (!(gone instanceof Gone)) throw gone;
      this.#ends += 1;
      if (gone.isDeath) this.#deaths += 1;
      if (this.#deaths === 1 && this.#scenario.afterFirstDeath === 'cancelled') this.#cancel();
      return false;
    }
  }

  /** The service has ended the execution. */
  get #isOver(): boolean {
    return this.#service !== 'QUEUED' && this.#service !== 'IN_PROGRESS';
  }

  get #isForbidden(): boolean {
    return this.#deaths > 0 && this.#scenario.afterFirstDeath === 'forbidden';
  }

  #cancel(): void {
    if (!this.#isOver) this.#service = 'CANCELED';
  }

  #write(event: string, state: State, change: Partial<Disk> = {}, onError: OnError = 'tried again'): void {
    const { state: from, index } = this.#disk;
    const isOfStep = ['start', 'finishStep', 'failTry', 'stop', 'defer', 'reboot', 'skip'].includes(event);
    const name = isOfStep ? `${event}@${index}` : event;
    const point = isOfStep && from === 'cleaning' ? `cleanup ${name}` : name;
    for (;;) {
      const occurrence = (this.#occurrences.get(point) ?? 0) + 1;
      this.#occurrences.set(point, occurrence);
      const strike = this.#strikes.find((one) => {
        return one.point === point && occurrence >= one.occurrence && occurrence < one.occurrence + one.times;
      });
      this.#trace.push(`${from}.${name}${strike ? `!${strike.kind}` : ''}`);
      this.#acts.push(this.#actsDone);
      if (strike) this.#hits += 1;
      if (strike?.kind === 'impossible') throw new Defect();
      if (strike?.kind === 'error') {
        if (onError === 'tried again') continue;
        throw onError === 'begun anew' ? new Again() : new Gone(false);
      }
      if (strike?.kind === 'before') throw new Gone(true);
      this.#disk = { ...this.#disk, ...change, state: strike?.kind === 'denied' ? 'settled' : state };
      if (strike) throw new Gone(true);
      return;
    }
  }

  #work(): void {
    const outcome = this.#refused() ?? this.#execution();
    if (outcome === 'unwanted') this.#write('forget', 'settled');
    else this.#write('finish', 'finished', { outcome });
  }

  #refused(): Outcome | undefined {
    const { isInvalid } = this.#scenario;
    const isQueued = this.#disk.state === 'queued';
    if (!this.#isForbidden && !(isInvalid && isQueued)) return undefined;
    if (isQueued) return { status: 'REJECTED', reason: this.#refusal() };
    return this.#isOver ? 'unwanted' : { status: 'FAILED', reason: this.#refusal() };
  }

  #execution(): Outcome {
    const { cleanup = [] } = this.#scenario;
    if (this.#disk.state === 'queued') {
      this.#service = 'IN_PROGRESS';
      this.#actsDone += 1;
      this.#write('claim', 'claimed', {}, 'begun anew');
    }
    if (this.#disk.state !== 'cleaning') {
      const outcome = this.#steps();
      if (cleanup.length === 0) return outcome;
      this.#write('conclude', 'cleaning', { outcome, index: 0, ...FRESH, ignored: 0, skipped: 0 });
    }
    this.#cleanUp(cleanup);
    return this.#disk.outcome ?? 'unwanted';
  }

  #refusal(): string {
    if (this.#scenario.isInvalid) return 'steps[0].action.name: expected a non-empty string, got ""';
    const handler = handlerOf(this.#jobId);
    return `policy.denyHandlers "${handler}" forbids steps[0].action: handler "${handler}"`;
  }

  #report(): void {
    const { outcome } = this.#disk;
    if (outcome === undefined || outcome === 'unwanted') throw new Error('there is nothing to report');
    this.#actsDone += 1;
    if (!this.#isOver) {
      // The service takes REJECTED only of what was never IN_PROGRESS.
      if (outcome.status === 'REJECTED' && this.#service === 'IN_PROGRESS') {
        this.#write('finish', 'finished', { outcome: { ...outcome, status: 'FAILED' } }, 'begun anew');
        return;
      }
      this.#service = outcome.status;
      this.#reason = outcome.reason;
    }
    this.#write('settle', 'settled', {}, 'begun anew');
  }

  #steps(): Outcome {
    const { steps } = this.#scenario;
    for (let spec = steps[this.#disk.index]; spec; spec = steps[this.#disk.index]) {
      if (this.#isUnwanted) return 'unwanted';
      const end = this.#step(spec, `step ${this.#disk.index + 1} "${spec.name}"`);
      if (end === 'unwanted') return 'unwanted';
      if (end === 'skipped') continue;
      const isIgnored = end !== 'succeeded';
      if (isIgnored && !spec.ignoreFailure) return { status: 'FAILED', reason: end.failed };
      // The end of the last step is on disk with the outcome.
      if (this.#disk.index === steps.length - 1) return this.#success(isIgnored);
      this.#next('finishStep', isIgnored);
    }
    return this.#success(false);
  }

  #cleanUp(cleanup: readonly StepSpec[]): void {
    for (let spec = cleanup[this.#disk.index]; spec; spec = cleanup[this.#disk.index]) {
      const end = this.#step(spec, `cleanup step ${this.#disk.index + 1} "${spec.name}"`);
      if (end === 'skipped') continue;
      if (this.#disk.index === cleanup.length - 1) return;
      this.#next('finishStep', end !== 'succeeded');
    }
  }

  #success(lastIsIgnored: boolean): Outcome {
    const total = this.#scenario.steps.length;
    const ignored = this.#disk.ignored + (lastIsIgnored ? 1 : 0);
    const { skipped } = this.#disk;
    const reason = [
      `${total - ignored - skipped} of ${total} steps succeeded`,
      ...(ignored > 0 ? [`${ignored} failed and ${ignored === 1 ? 'was' : 'were'} ignored`] : []),
      ...(skipped > 0 ? [`${skipped} ${skipped === 1 ? 'was' : 'were'} interrupted and skipped`] : []),
    ].join(', ');
    return { status: 'SUCCEEDED', reason };
  }

  #next(event: 'finishStep' | 'skip', isIgnored = false): void {
    const { index, ignored, skipped } = this.#disk;
    this.#write(event, this.#between, {
      index: index + 1,
      ...FRESH,
      ignored: ignored + (isIgnored ? 1 : 0),
      skipped: skipped + (event === 'skip' ? 1 : 0),
    });
  }

  /** The state between two steps, or two tries of one. */
  get #between(): State {
    return this.#disk.state === 'cleaning' ? 'cleaning' : 'claimed';
  }

  /** The service has ended it, and no step whose beginning makes that void has begun. */
  get #isUnwanted(): boolean {
    const { index, attempts, state } = this.#disk;
    const begun = this.#scenario.steps.slice(0, index + (attempts > 0 ? 1 : 0));
    return this.#isOver && state !== 'cleaning' && !begun.some(({ pointOfNoReturn }) => pointOfNoReturn === true);
  }

  #step(spec: StepSpec, place: string): StepEnd | 'skipped' {
    const { last, state, interruptions } = this.#disk;
    const isCutOff = state !== 'rebooting' && (last === 'amid' || last === 'stopped');
    if (isCutOff && spec.onInterrupted === 'skip') {
      this.#next('skip');
      return 'skipped';
    }
    if (isCutOff && spec.onInterrupted === 'fail') {
      return { failed: `interrupted at ${place}, and its onInterrupted is "fail"` };
    }
    const interrupted = isCutOff && last === 'amid' ? 1 : 0;
    if (interrupted > 0 && interruptions + 1 >= MOST_INTERRUPTIONS) {
      return { failed: `interrupted ${interruptions + 1} times at ${place}` };
    }
    if (state === 'rebooting' && this.#disk.bootOfReboot === this.#boot) return this.#reboot(place);
    for (let tries = 0; ; tries += 1) {
      const end = this.#start(spec, place, tries === 0 ? interrupted : 0);
      const { failures } = this.#disk;
      if (typeof end !== 'object' || end.mayRetry !== true || failures >= (spec.retries ?? 0)) return end;
      this.#write('failTry', this.#between, { failures: failures + 1, last: 'over' });
      if (this.#isUnwanted) return 'unwanted';
    }
  }

  #start({ name, runs, timeoutSeconds }: StepSpec, place: string, interrupted: number): StepEnd {
    const { attempts, interruptions, bootOfReboot, state, hasProgress } = this.#disk;
    const isCleaning = state === 'cleaning';
    const change = { attempts: attempts + 1, interruptions: interruptions + interrupted, last: 'amid' } as const;
    this.#write('start', isCleaning ? 'cleaning' : 'running', change, 'begun anew');
    const isRebooted = bootOfReboot !== undefined && bootOfReboot !== this.#boot;
    const runsBefore = this.#lines.filter((line) => line.startsWith(`${name} `)).length;
    this.#lines.push(`${name} ${attempts + 1}${isRebooted ? ' rebooted' : ''}${hasProgress ? ' from half' : ''}`);
    this.#actsDone += 1;
    const deed: Deed = runs[Math.min(runsBefore, runs.length - 1)] ?? runs[0];
    switch (deed) {
      case 'ok':
        return 'succeeded';
      case 'fail':
        return { failed: `${place}: exited with code 3`, mayRetry: true };
      case 'hang':
        if (timeoutSeconds) return { failed: `${place}: timed out after ${timeoutSeconds} s`, mayRetry: true };
        return {
          failed: `${place}: timed out: the document allows ${this.#scenario.timeoutSeconds} s for all steps together`,
        };
      case 'kill':
        throw new Gone(true);
      case 'stop':
        // Where that cannot be noted, it looks like a crash.
        this.#write('stop', isCleaning ? 'cleaning' : 'stopped', { last: 'stopped' }, 'the end');
        throw new Gone(false);
      case 'cancel':
        this.#cancel();
        return 'unwanted';
      case 'cancelled':
        this.#cancel();
        return 'succeeded';
      case 'save':
        return this.#save();
      case 'later':
        this.#write('defer', 'waiting', { last: 'over' });
        throw new Again();
      case 'reboot':
        return this.#reboot(place);
    }
  }

  #save(): StepEnd {
    try {
      this.#write('saveProgress', this.#disk.state, { hasProgress: true }, 'begun anew');
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      this.#lines.push('unsaved');
    }
    return 'succeeded';
  }

  #reboot(place: string): StepEnd {
    const { reboots, state } = this.#disk;
    if (reboots >= MOST_REBOOTS) {
      const why =
        state === 'rebooting'
          ? `the device did not start anew, though asked ${reboots} times (the boot id is the same)`
          : `asked for a reboot once more after ${reboots}`;
      return { failed: `${place}: ${why}` };
    }
    this.#write('reboot', 'rebooting', { reboots: reboots + 1, bootOfReboot: this.#boot });
    this.#lines.push('REBOOT');
    this.#actsDone += 1;
    const { reboots: deeds = ['nothing'] } = this.#scenario;
    const deed = deeds[Math.min(this.#asked, deeds.length - 1)] ?? deeds[0];
    this.#asked += 1;
    switch (deed) {
      case 'boots':
        this.#boot += 1;
        throw new Gone(true);
      case 'bounces':
        throw new Gone(true);
      case 'refuses':
        return { failed: `${place}: the device cannot be told to: "sh reboot.sh" exited with code 1: not now` };
      case 'nothing':
        return { failed: `${place}: the device did not start anew within 1 s (the boot id is the same)` };
    }
  }
}

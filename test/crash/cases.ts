import { type Promised, promised } from './promise.ts';
import { FOR_EVER, LOOPS, SCENARIOS, type Scenario, type Strike } from './scenario.ts';

/** One job, what strikes it, and what must become of it. */
export interface Case {
  readonly jobId: string;
  readonly title: string;
  readonly scenario: Scenario;
  /** All strikes, the scenario's own among them. */
  readonly strikes: readonly Strike[];
  /** Milliseconds that each write blocks the whole agent before it is done. */
  readonly hangMs: number;
  readonly expected: Promised;
  /** `queued.claim before`: the edges of the table that it strikes, and those whose cases are the same as this one. */
  readonly edges: readonly string[];
}

export interface Cases {
  readonly kills: readonly Case[];
  readonly errors: readonly Case[];
  /** How many more there would be, were not some of them provably one. */
  readonly merged: number;
}

/** Milliseconds: longer than anything that is in a hurry here, and short enough for all of them. */
const HANG_MS = 60;

/** How many errors there are before the disk is mended: the agent waits longer after each. */
const ERRORS = 2;

/** Every persisted point of every scenario, struck once and for ever: before the write, after it, and by an error. */
export function allCases(): Cases {
  const kills: Case[] = [];
  const errors: Case[] = [];
  const endless = new Set<string>();
  const erroneous = new Set<string>();
  const planless = new Set<string>();
  let merged = 0;
  const add = (to: Case[], scenario: Scenario, strike: Strike | undefined, what: string, edges: string[]) => {
    const jobId = `job-${to === kills ? 'k' : 'e'}${to.length + 1}`;
    const strikes = strike ? [strike] : [];
    to.push({
      jobId,
      title: `${scenario.title}: ${what}`,
      scenario,
      strikes: [...(scenario.history ?? []), ...strikes],
      hangMs: strike ? 0 : HANG_MS,
      expected: promised(scenario, strikes, jobId),
      edges,
    });
  };
  for (const scenario of [...SCENARIOS, ...LOOPS]) {
    add(kills, scenario, undefined, 'each write hangs for a while', []);
    if (LOOPS.includes(scenario)) continue;
    const { trace, acts } = promised(scenario, [], 'job');
    for (const [index, entry] of trace.entries()) {
      if (entry.includes('!')) continue;
      const at = { point: pointOf(entry), occurrence: occurrenceOf(trace, index) };
      const edge = edgeOf(entry);
      const next = trace[index + 1];
      for (const kind of ['before', 'after', 'error'] as const) {
        const once: Strike = { ...at, times: 1, kind };
        const always: Strike = { ...at, times: kind === 'error' ? ERRORS : FOR_EVER, kind };
        const hits = promised(scenario, [always], 'job').hits - (scenario.history ?? []).length;
        const name = `${edge} ${kind}`;
        if (isOutsidePlan(edge, kind)) {
          if (planless.has(name)) {
            merged += 1;
            continue;
          }
          planless.add(name);
        }
        if (kind === 'error') {
          // An error leaves the agent alive and everything else as it was: what comes before and after it in a scenario
          // is another edge's business.
          if (erroneous.has(edge)) continue;
          erroneous.add(edge);
          add(errors, scenario, once, `${entry} cannot be written, once`, [name]);
          add(errors, scenario, always, `${entry} cannot be written, until the disk is mended`, [name]);
          continue;
        }
        // With nothing done between two writes, an end after the first and one before the second leave the same behind.
        const isLikeBefore = kind === 'before' && index > 0 && acts[index] === acts[index - 1];
        const isLikeNext = kind === 'after' && next !== undefined && acts[index] === acts[index + 1];
        if (isLikeBefore) merged += 1;
        else {
          const also = isLikeNext ? [`${edgeOf(next)} before`] : [];
          add(kills, scenario, once, `killed ${kind} ${entry}`, [name, ...also]);
        }
        // A point that is not reached again after the first time cannot be struck for ever.
        // One that no cap ends is struck as often as it is reached, and what follows is what follows one strike.
        const isEndless = hits >= FOR_EVER;
        if (hits < 2 || (isEndless && endless.has(name))) merged += 1;
        else add(kills, scenario, always, `killed ${kind} ${entry}, each time`, [name]);
        if (isEndless) endless.add(name);
      }
    }
  }
  const [plain] = SCENARIOS;
  for (const kind of ['before', 'after', 'error'] as const) {
    for (const point of ['recordList', 'recordOne']) {
      // Who is killed by a notification is told by the next list, and no notification comes again.
      for (const times of point === 'recordOne' ? [1] : [1, kind === 'error' ? ERRORS : FOR_EVER]) {
        const strike: Strike = { point, occurrence: 1, times, kind };
        const what = kind === 'error' ? `${point} cannot be written` : `killed ${kind} ${point}`;
        const often = times === 1 ? 'once' : 'each time';
        add(kind === 'error' ? errors : kills, plain, strike, `${what}, ${often}`, [`list.${point} ${kind}`]);
      }
    }
  }
  for (const point of ['start@1', 'finishStep@0']) {
    const strike: Strike = { point, occurrence: 1, times: FOR_EVER, kind: 'impossible' };
    add(errors, plain, strike, `by a defect of the agent ${point} is impossible`, []);
  }
  return { kills, errors, merged };
}

/** `cleaning.start@0!before` → `cleanup start@0`. */
export function pointOf(entry: string): string {
  const [state, name = ''] = (entry.split('!')[0] ?? '').split('.');
  return state === 'cleaning' && name.includes('@') ? `cleanup ${name}` : name;
}

/** `cleaning.start@0!before` → `cleaning.start`. */
export function edgeOf(entry: string): string {
  return entry.replace(/[@!].*$/, '');
}

function occurrenceOf(trace: readonly string[], index: number): number {
  const point = pointOf(trace[index] ?? '');
  return trace.slice(0, index + 1).filter((entry) => pointOf(entry) === point).length;
}

/**
 * Before its first step starts nothing of a plan has happened, and once its result is on disk nothing of it is left:
 * there one scenario stands for all.
 */
function isOutsidePlan(edge: string, kind: Strike['kind']): boolean {
  const [, event] = edge.split('.');
  return event === 'claim' || event === 'settle' || (event === 'finish' && kind === 'after');
}

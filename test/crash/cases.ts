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
  const known = new Set<string>();
  /** Whether a step has been struck like this before, in another scenario. */
  const isKnown = (scenario: Scenario, trace: readonly string[], index: number, strike: Strike): boolean => {
    const signature = stepSignature(scenario, trace, index, strike);
    if (signature === undefined || !known.has(signature)) {
      if (signature !== undefined) known.add(signature);
      return false;
    }
    return true;
  };
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
        if (isLikeBefore || isKnown(scenario, trace, index, once)) merged += 1;
        else {
          const also = isLikeNext ? [`${edgeOf(next)} before`] : [];
          add(kills, scenario, once, `killed ${kind} ${entry}`, [name, ...also]);
        }
        // A point that is not reached again after the first time cannot be struck for ever.
        // One that no cap ends is struck as often as it is reached, and what follows is what follows one strike.
        const isEndless = hits >= FOR_EVER;
        const isOneOfOthers = isEndless ? endless.has(name) : isKnown(scenario, trace, index, always);
        if (hits < 2 || isOneOfOthers) merged += 1;
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

/**
 * All that decides what follows from a strike amid a step: the step's record begins anew with each step, so neither what
 * came before it nor what comes after it is among that. Undefined where something else has a part in it.
 */
function stepSignature(
  scenario: Scenario,
  trace: readonly string[],
  index: number,
  strike: Strike,
): string | undefined {
  const { steps, cleanup = [], reboots, afterFirstDeath, history, timeoutSeconds } = scenario;
  const begin = trace.slice(0, index).findLastIndex((entry) => isBoundary(entry)) + 1;
  const position = trace.slice(begin).find((entry) => entry.includes('@'));
  if (position === undefined || isOutsidePlan(edgeOf(trace[index] ?? ''), strike.kind)) return undefined;
  const number = Number(/@(\d+)/.exec(position)?.[1]);
  const isCleaning = position.startsWith('cleaning');
  const { name: _, ...spec } = (isCleaning ? cleanup : steps)[number] ?? { name: '' };
  const entries = trace.slice(begin, index + 1).map((entry) => entry.replace(/@\d+/, ''));
  const last = entries.pop() ?? '';
  const { kind, times } = strike;
  // Whatever ends the step: before it is written, it is nowhere.
  const where = kind === 'before' && isBoundary(trace[index] ?? '') ? last.replace(/\..*/, '.end') : last;
  return JSON.stringify({ spec, entries, where, kind, times, reboots, afterFirstDeath, history, timeoutSeconds });
}

/** A write after which another step is due, or none. */
function isBoundary(entry: string): boolean {
  return /\.(claim|finishStep@\d+|skip@\d+|conclude|finish|forget)$/.test(entry);
}

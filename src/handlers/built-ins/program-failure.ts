import type { ProcessEnd } from '../../system/child-process.ts';
import { programResult } from '../program-result.ts';
import type { StepResult } from '../step.ts';

/** How a step ends that cannot go on. */
export type Setback = Extract<StepResult, { outcome: 'failed' | 'interrupted' | 'deferred' }>;

/**
 * What a program's failure means for the step of the built-in that ran it; undefined when it did not fail.
 * @param what the program and what it was to do: `apt-get install`.
 */
export function programSetback(what: string, end: ProcessEnd): Setback | undefined {
  const result = programResult(end);
  if (result.outcome === 'succeeded') return undefined;
  if (result.outcome === 'interrupted') return result;
  const said = complaint(end);
  const because = end.spawnError !== undefined || said === '' ? '' : ` (${said})`;
  return { ...result, reason: `${what}: ${result.reason}${because}` };
}

const ERROR_LINE = /^(?:E:|Error\b|\S+: error\b)/;
const LONGEST_COMPLAINT = 300;

/** What a program says is wrong: its lines that are marked as errors, or else the first that it wrote on stderr. */
function complaint(end: ProcessEnd): string {
  const lines = end.stderrTail
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const marked = lines.filter((line) => ERROR_LINE.test(line));
  const chosen = (marked.length > 0 ? marked : lines.slice(0, 1)).join('; ');
  return chosen.length > LONGEST_COMPLAINT ? `${chosen.slice(0, LONGEST_COMPLAINT)}…` : chosen;
}

import type { ProcessEnd } from '../../system/child-process.ts';
import type { StepResult } from '../step.ts';

/** How a step ends that cannot go on. */
export type Setback = Extract<StepResult, { outcome: 'failed' | 'interrupted' | 'deferred' }>;

/**
 * What a program's failure means for the step of the built-in that ran it; undefined when it did not fail. Exit codes
 * have no meaning beyond that: 21 and 194 are words of handlers, and no host's tool knows them.
 * @param what the program and what it was to do: `apt-get install`.
 */
export function programSetback(what: string, end: ProcessEnd): Setback | undefined {
  if (end.spawnError !== undefined) {
    return { outcome: 'failed', reason: `${what}: ${end.spawnError.message}`, details: {} };
  }
  // After our TERM an exit code says nothing, also 0.
  if (end.interrupted) return { outcome: 'interrupted' };
  if (end.exitCode === 0) return undefined;
  const said = complaint(end);
  const because = said === '' ? '' : ` (${said})`;
  const stderr = end.stderrTail.trim() === '' ? {} : { stderr: end.stderrTail };
  if (end.signal !== null) {
    const reason = `${what}: killed by ${end.signal}${because}`;
    return { outcome: 'failed', reason, details: { signal: end.signal, ...stderr } };
  }
  const exitCode = String(end.exitCode);
  const reason = `${what}: exited with code ${exitCode}${because}`;
  return { outcome: 'failed', reason, details: { exitCode, ...stderr } };
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

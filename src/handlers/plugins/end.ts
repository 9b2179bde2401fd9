import type { StepResult } from '../step.ts';

/** How the process of a plug-in ended. */
export interface PluginEnd {
  readonly exitCode: number | null;
  /** `SIGKILL`, … when a signal ended it. */
  readonly signal: string | null;
  /** What kept it from starting. */
  readonly startError?: string | undefined;
  /** It took more memory than it may. */
  readonly overMemory: boolean;
  /** The last 16 KiB that it wrote on stderr since its output was last piped, without secrets. */
  readonly stderrTail: string;
}

/** A whole truthful phrase about an end that came before the plug-in had said what it was asked for. */
export function endReason(end: PluginEnd, memoryMegabytes: number): string {
  if (end.startError !== undefined) return `its process cannot be started: ${end.startError}`;
  if (end.overMemory) return `it took more memory than ${memoryMegabytes} MiB (handlers.pluginMemoryMegabytes)`;
  if (end.signal !== null) return `its process was killed by ${end.signal}`;
  return `its process exited with code ${end.exitCode} before it gave a result`;
}

/** The failure of a run whose process ended without a result. */
export function endResult(end: PluginEnd, memoryMegabytes: number): StepResult {
  const details = {
    ...(end.signal !== null && !end.overMemory ? { signal: end.signal } : {}),
    ...(end.exitCode !== null ? { exitCode: String(end.exitCode) } : {}),
  };
  const { signal, overMemory } = end;
  // What takes too much memory, we kill.
  const killedBy = !overMemory && (signal === 'SIGTERM' || signal === 'SIGKILL') ? signal : undefined;
  const result: StepResult = { outcome: 'failed', reason: endReason(end, memoryMegabytes), details, killedBy };
  // What V8 writes when it has no memory left says less than the reason does.
  return end.overMemory ? result : withStderr(result, end.stderrTail);
}

/** What a failed run wrote on stderr goes with it, unless its own details have something of that name. */
export function withStderr(result: StepResult, stderrTail: string): StepResult {
  if (result.outcome !== 'failed' || stderrTail.trim() === '') return result;
  return { ...result, details: { stderr: stderrTail, ...result.details } };
}

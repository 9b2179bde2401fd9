/** For tests of handlers: runs one as the agent would, with no broker and no agent, under any test runner. */
export type { HandlerRun, JobOptions, LogEntry } from './recording.ts';
export { type RunHandlerOptions, runHandler } from './run-handler.ts';
export { type RunHandlerFileOptions, runHandlerFile } from './run-handler-file.ts';
export { type RunProgramHandlerOptions, runProgramHandler } from './run-program-handler.ts';

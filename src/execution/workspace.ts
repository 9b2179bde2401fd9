import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionKey } from '../journal/journal.ts';
import type { Workspace } from './run-options.ts';

/** What executions have on disk beside the journal, below the state directory. */
export class Workspaces {
  readonly #stateDirectory: string;

  constructor(stateDirectory: string) {
    this.#stateDirectory = stateDirectory;
  }

  /** Makes the scratch directory where it is missing; what an interrupted run left in it is still there. */
  open(key: ExecutionKey): Workspace {
    const scratchDirectory = this.#scratchDirectory(key);
    mkdirSync(scratchDirectory, { recursive: true, mode: 0o700 });
    return { scratchDirectory, output: { write: () => undefined }, note: () => undefined };
  }

  /** The execution has its result. */
  remove(key: ExecutionKey): void {
    rmSync(this.#scratchDirectory(key), { recursive: true, force: true });
  }

  #scratchDirectory({ jobId, executionNumber }: ExecutionKey): string {
    return join(this.#stateDirectory, 'scratch', `${jobId}-${executionNumber}`);
  }
}

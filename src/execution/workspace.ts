import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';
import type { ExecutionKey } from '../journal/journal.ts';
import type { Log } from '../system/log.ts';
import { createScratchDirectory, removeScratchDirectory, scratchDirectoryOf } from '../system/scratch-directory.ts';
import { ExecutionLog, executionLogName } from './execution-log.ts';
import { type ExecutionLogBounds, pruneExecutionLogs } from './execution-log-pruning.ts';
import type { Workspace } from './run-options.ts';

interface WorkspacesDeps {
  readonly stateDirectory: string;
  readonly executionLogs: ExecutionLogBounds & { readonly maxKilobytesPerExecution: number };
  readonly log: Log;
}

/** An open workspace holds a file: `close` it. */
export interface OpenWorkspace extends Workspace {
  close(): void;
}

/** How many executions may end before the logs are held against their bounds again. */
export const PRUNED_EVERY = 10;

/** What executions have on disk beside the journal, below the state directory: `scratch/` and `logs/`. */
export class Workspaces {
  readonly #deps: WorkspacesDeps;
  readonly #open = new Map<string, OpenWorkspace>();
  #removed = 0;

  constructor(deps: WorkspacesDeps) {
    this.#deps = deps;
  }

  /** Rejects with the system's error. What an interrupted run left in the scratch directory is still there. */
  async open({ jobId, executionNumber }: ExecutionKey): Promise<OpenWorkspace> {
    const { stateDirectory, executionLogs, log } = this.#deps;
    const scratchDirectory = await createScratchDirectory(stateDirectory, { jobId, executionNumber });
    const output = new ExecutionLog({
      directory: this.#logs,
      jobId,
      executionNumber,
      maxBytes: executionLogs.maxKilobytesPerExecution * 1024,
      log,
    });
    const name = executionLogName(jobId, executionNumber);
    const workspace: OpenWorkspace = {
      scratchDirectory,
      output,
      note: (text) => output.note(text),
      close: () => {
        output.close();
        this.#open.delete(name);
      },
    };
    this.#open.set(name, workspace);
    return workspace;
  }

  /** The execution has its result: its scratch directory goes, its log stays as long as the bounds allow. */
  async remove(key: ExecutionKey): Promise<void> {
    await this.#attempt('a scratch directory', () =>
      removeScratchDirectory(scratchDirectoryOf(this.#deps.stateDirectory, key)),
    );
    this.#removed += 1;
    if (this.#removed % PRUNED_EVERY === 0) await this.#prune();
  }

  /** At the start: scratch directories whose execution has ended go, and logs beyond their bounds. */
  async tidy(unfinished: readonly ExecutionKey[]): Promise<void> {
    const kept = new Set(unfinished.map((key) => scratchDirectoryOf(this.#deps.stateDirectory, key)));
    for (const name of await this.#scratchDirectories()) {
      const path = join(this.#deps.stateDirectory, 'scratch', name);
      if (!kept.has(path)) await this.#attempt('a scratch directory', () => removeScratchDirectory(path));
    }
    await this.#prune();
  }

  get #logs(): string {
    return join(this.#deps.stateDirectory, 'logs');
  }

  async #scratchDirectories(): Promise<string[]> {
    try {
      return await readdir(join(this.#deps.stateDirectory, 'scratch'));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        this.#deps.log.warn({ err: error }, 'the scratch directories cannot be listed');
      return [];
    }
  }

  #prune(): Promise<void> {
    const keep = new Set(this.#open.keys());
    return this.#attempt('logs of executions', async () => {
      await pruneExecutionLogs(this.#logs, this.#deps.executionLogs, Date.now(), keep);
    });
  }

  /** What cannot be removed costs room, and no job. */
  async #attempt(what: string, remove: () => Promise<void>): Promise<void> {
    try {
      await remove();
    } catch (error) {
      this.#deps.log.warn({ err: error }, `${what} could not be removed`);
    }
  }
}

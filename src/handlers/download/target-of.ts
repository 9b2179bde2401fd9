import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';
import type { BuiltInContext } from '../step.ts';
import { LocalTarget } from './local-target.ts';
import { RemoteTarget } from './remote-target.ts';
import type { DownloadSettings } from './settings.ts';
import type { TargetFile } from './target-file.ts';
import { startTargetProcess } from './target-process-start.ts';

/** Writes as the user that the document names, or not at all; as the agent's own where it names none. */
export async function targetOf(
  context: BuiltInContext,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<TargetFile> {
  const user = context.runAsUser;
  if (user === undefined || user === ownName()) return new LocalTarget(signal);
  return new RemoteTarget(await startTargetProcess(user, context, signal, settings.targetProcess), signal);
}

/** A user that has no name is nobody that a document can name. */
function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** The same whenever this step of this execution is started, so that it finds its part again. */
export function partId({ job, stepIndex }: BuiltInContext): string {
  const step = JSON.stringify([job.thingName, job.jobId, job.executionNumber, stepIndex]);
  return createHash('sha256').update(step).digest('hex').slice(0, 16);
}

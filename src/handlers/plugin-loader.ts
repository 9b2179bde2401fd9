import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { errorMessage, LocalFaultError } from '../errors.ts';
import type { Log } from '../system/log.ts';
import type { JobHandler } from './contract.ts';

/** The name of the built-in handler of AWS's document schema, which no plug-in may take. */
export const BUILT_IN_HANDLER = 'aws-document';

const PluginSchema = v.object(
  {
    name: v.pipe(v.string('name: expected a string'), v.nonEmpty('name: expected a non-empty string')),
    accepts: v.function('accepts: expected a function'),
    run: v.function('run: expected a function'),
  },
  (issue) => `expected { name, accepts(document), run(context) }, missing ${issue.path?.[0]?.key ?? 'all of it'}`,
);

/**
 * Imports the plug-ins named in the config, in its order.
 * @param paths absolute paths of ES modules.
 * @throws LocalFaultError PLUGIN_INVALID, naming the path and what is wrong with it.
 */
export async function loadPlugins(paths: readonly string[], log: Log): Promise<JobHandler[]> {
  const plugins: JobHandler[] = [];
  for (const path of paths) {
    const plugin = await loadPlugin(path);
    if (plugin.name === BUILT_IN_HANDLER || plugins.some(({ name }) => name === plugin.name)) {
      throw invalid(path, `the name "${plugin.name}" is taken; names of handlers are unique`);
    }
    plugins.push(plugin);
    log.info({ plugin: plugin.name, path }, 'plug-in loaded');
  }
  return plugins;
}

async function loadPlugin(path: string): Promise<JobHandler> {
  if (!isAbsolute(path)) throw invalid(path, 'expected an absolute path');
  await refuseUnsafeFile(path);
  let exported: unknown;
  try {
    const module: unknown = await import(pathToFileURL(path).href);
    exported = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  } catch (error) {
    throw invalid(path, `it cannot be imported: ${errorMessage(error)}`, error);
  }
  if (exported === undefined) throw invalid(path, 'it has no default export');
  const parsed = v.safeParse(PluginSchema, exported);
  if (!isJobHandler(exported)) {
    throw invalid(path, `its default export: ${(parsed.issues ?? []).map(({ message }) => message).join('; ')}`);
  }
  return exported;
}

/** The object itself is kept, not a parsed copy: a class instance keeps its `this`. */
function isJobHandler(value: unknown): value is JobHandler {
  return v.is(PluginSchema, value);
}

async function refuseUnsafeFile(path: string): Promise<void> {
  let mode: number;
  try {
    mode = (await stat(path)).mode;
  } catch (error) {
    throw invalid(path, errorMessage(error), error);
  }
  if ((mode & 0o002) !== 0) throw invalid(path, 'it is writable by everyone (chmod o-w)');
}

function invalid(path: string, problem: string, cause?: unknown): LocalFaultError {
  return new LocalFaultError('PLUGIN_INVALID', `plug-in ${path}: ${problem}`, { cause });
}

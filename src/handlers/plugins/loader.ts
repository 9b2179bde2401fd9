import { LocalFaultError } from '../../errors.ts';
import type { Log } from '../../system/log.ts';
import { passedOnEnvironment } from '../child-environment.ts';
import { PluginChild } from './child.ts';
import { examinePluginFile } from './file.ts';
import { BUILT_IN_HANDLER } from './handler.ts';
import { LOAD_DEADLINE_MS, Plugin, type PluginOptions } from './plugin.ts';
import { awaitPlugin } from './start.ts';

export { BUILT_IN_HANDLER };

/**
 * Imports the plug-ins named in the config, in its order, each in a process that ends at once: that shows that they
 * can be imported, and what their names are.
 * @param paths absolute paths of ES modules.
 * @throws LocalFaultError PLUGIN_INVALID, naming the path and what is wrong with it.
 */
export async function loadPlugins(paths: readonly string[], log: Log, options: PluginOptions): Promise<Plugin[]> {
  const plugins: Plugin[] = [];
  for (const path of paths) {
    const name = await nameOf(path, options);
    if (name === BUILT_IN_HANDLER || plugins.some((plugin) => name === plugin.name)) {
      throw invalid(path, `the name "${name}" is taken; names of handlers are unique`);
    }
    plugins.push(new Plugin(name, path, options));
    log.info({ plugin: name, path }, 'plug-in loaded');
  }
  return plugins;
}

/** One after the other: on a small device several at once would need memory that it does not have. */
async function nameOf(path: string, options: PluginOptions): Promise<string> {
  const file = await examinePluginFile(path, options.trustAnyFile);
  if (file.kind === 'unsafe') throw invalid(path, file.problem);
  const childOptions = { ...options, environment: passedOnEnvironment(process.env) };
  const child = new PluginChild(file.real, childOptions);
  const started = await awaitPlugin(child, { ...childOptions, deadlineMs: options.loadDeadlineMs ?? LOAD_DEADLINE_MS });
  child.signal('SIGKILL');
  if (started.kind === 'fault') throw invalid(path, started.problem);
  return started.name;
}

function invalid(path: string, problem: string): LocalFaultError {
  return new LocalFaultError('PLUGIN_INVALID', `plug-in ${path}: ${problem}`);
}

import { resolve } from 'node:path';
import { loadPlugins } from '../handlers/plugins/loader.ts';
import { type HandlerRun, record } from './recording.ts';
import type { RunHandlerOptions } from './run-handler.ts';

export interface RunHandlerFileOptions extends RunHandlerOptions {
  /** MiB of heap; default 128, as `handlers.pluginMemoryMegabytes`. */
  readonly memoryMegabytes?: number;
}

/**
 * Runs the plug-in in this file as the agent does: in a process of its own, with its memory limit and its clean
 * environment. Modes and owners of the file are not looked at: on the device the agent refuses what others may write.
 * @param path an ES module; a relative path starts at the working directory.
 * @throws LocalFaultError PLUGIN_INVALID when it is no plug-in; ThingAgentError PLUGIN_UNANSWERED when it does not say
 * whether it accepts.
 */
export async function runHandlerFile(path: string, options: RunHandlerFileOptions): Promise<HandlerRun> {
  const { memoryMegabytes = 128, stopGraceMs } = options;
  return record(options.document, options, async (context) => {
    const [plugin] = await loadPlugins([resolve(path)], context.log, {
      memoryMegabytes,
      trustAnyFile: true,
      ...(stopGraceMs === undefined ? {} : { stopGraceMs }),
    });
    // One path, one plug-in.
    if (plugin === undefined) return { kind: 'declined' };
    try {
      const acceptance = await plugin.accepts(options.document);
      return acceptance.kind === 'accepted' ? await plugin.run(context) : acceptance;
    } finally {
      plugin.end();
    }
  });
}

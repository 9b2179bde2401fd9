const PASSED_ON = ['HOME', 'LANG', 'TZ', 'USER', 'LOGNAME', 'TMPDIR'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The whole environment of a plug-in's process: what programs get of the agent's own, so that a secret in there never
 * reaches one. What names the job is in the plug-in's context: one process may answer for several.
 */
export function pluginEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const environment: Record<string, string> = { PATH: own['PATH'] || DEFAULT_PATH };
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && (PASSED_ON.includes(name) || name.startsWith('LC_'))) environment[name] = value;
  }
  return environment;
}

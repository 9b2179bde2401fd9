import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPlugins } from '../../src/handlers/plugins/loader.ts';
import type { Plugin, PluginOptions } from '../../src/handlers/plugins/plugin.ts';
import type { StepContext } from '../../src/handlers/step.ts';
import type { StatusDetails } from '../../src/jobs/model.ts';
import { silentLog } from './silent-log.ts';

/** A directory with plug-ins in it, loaded into real processes; and what a run of one tells. */
export class PluginLab {
  readonly directory = mkdtempSync(join(tmpdir(), 'plugins-'));
  readonly #plugins: Plugin[] = [];

  /** Ends all processes and removes all files. */
  close(): void {
    for (const plugin of this.#plugins) plugin.end();
    rmSync(this.directory, { recursive: true });
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, source: string): string {
    writeFileSync(this.file(name), source, { mode: 0o644 });
    return this.file(name);
  }

  /** A plug-in that accepts all, with this as the body of its `run(context)`; top-level code may come before it. */
  withRun(body: string, options: Partial<PluginOptions> = {}, top = ''): Promise<Plugin> {
    return this.load(
      `${top}\nexport default { name: 'p', accepts: () => true, async run(context) { ${body} } };`,
      options,
    );
  }

  async load(source: string, options: Partial<PluginOptions> = {}): Promise<Plugin> {
    const [plugin] = await loadPlugins([this.write('plugin.mjs', source)], silentLog, {
      memoryMegabytes: 64,
      ...options,
    });
    if (plugin === undefined) throw new Error('no plug-in was loaded');
    this.#plugins.push(plugin);
    return plugin;
  }

  /** Files that a plug-in of the lab has written. */
  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  run(change: Partial<StepContext> = {}): TestRun {
    mkdirSync(this.file('scratch'), { recursive: true });
    return new TestRun(this.file('scratch'), change);
  }
}

/** What one run of a plug-in is given, and all that it said. */
export class TestRun {
  readonly progress: StatusDetails[] = [];
  readonly saved: unknown[] = [];
  readonly log: { level: string; fields: object; message: string }[] = [];
  readonly output = { stdout: 0, stderr: 0, text: '' };
  readonly abort = new AbortController();
  readonly context: StepContext;

  constructor(scratchDirectory: string, change: Partial<StepContext>) {
    const note = (level: string) => (fields: object, message: string) => void this.log.push({ level, fields, message });
    this.context = {
      job: { thingName: 'thing', jobId: 'job', executionNumber: 1, document: { directory: scratchDirectory } },
      stepIndex: 0,
      attempt: 1,
      signal: this.abort.signal,
      log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
      output: {
        write: (stream, chunk) => {
          this.output[stream] += chunk.length;
          this.output.text = (this.output.text + chunk.toString()).slice(-1000);
        },
      },
      scratchDirectory,
      lastProgress: undefined,
      rebooted: false,
      saveProgress: (value) => void this.saved.push(value),
      reportProgress: (details) => void this.progress.push(details),
      refreshDocument: () => Promise.reject(new Error('not here')),
      ...change,
    };
  }
}

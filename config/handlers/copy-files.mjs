// A plug-in: named under "handlers": { "plugins": [...] } in the agent's config. It needs no import of the agent's.
// Takes documents such as { "copyFiles": { "from": ["/mnt/usb/a.bin", "/mnt/usb/b.bin"], "to": "/var/lib/my-app" } }.
// A start that is cut off, by loss of power say, costs one file: the next one goes on behind the last that was saved.
import { copyFile, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

export default {
  name: 'copy-files',

  /** Says whose a document is. What is wrong with it is told by run(): then the job FAILS with that reason. */
  accepts(document) {
    return typeof document === 'object' && document !== null && 'copyFiles' in document;
  },

  async run({ job, attempt, lastProgress, saveProgress, reportProgress, signal, log }) {
    const { from, to } = job.document.copyFiles;
    if (!Array.isArray(from) || typeof to !== 'string') throw new Error('copyFiles: expected { from: […], to: "…" }');
    if (!(await isDirectory(to))) return { status: 'LATER', reason: `${to} is not there: is the disk mounted?` };

    let done = lastProgress?.done ?? 0;
    if (attempt > 1) log.info({ attempt, done }, 'going on where the last attempt was cut off');
    for (const file of from.slice(done)) {
      signal.throwIfAborted();
      const target = join(to, basename(file));
      // A reader of the target sees the old file or the new one, and never a part.
      await copyFile(file, `${target}.part`);
      await rename(`${target}.part`, target);
      done += 1;
      reportProgress({ copied: `${done} of ${from.length}` });
      await saveProgress({ done });
    }
    return { status: 'SUCCEEDED', statusDetails: { copied: done } };
  },
};

async function isDirectory(path) {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

// A plug-in: named under "handlers": { "plugins": [...] } in the agent's config. It needs no import of the agent's.
// Takes documents such as { "writeNote": { "file": "/tmp/note.txt", "text": "hello" } }.
import { writeFile } from 'node:fs/promises';

export default {
  name: 'write-note',

  accepts(document) {
    return typeof document?.writeNote?.file === 'string' && typeof document.writeNote.text === 'string';
  },

  async run({ job, signal, log, reportProgress }) {
    const { file, text } = job.document.writeNote;
    reportProgress({ phase: 'writing' });
    await writeFile(file, text, { signal });
    log.info({ file }, 'note written');
    return { status: 'SUCCEEDED', statusDetails: { bytes: String(Buffer.byteLength(text)) } };
  },
};

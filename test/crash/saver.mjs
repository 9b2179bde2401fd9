// A plug-in that saves how far it is (scenario.ts, `save`).
import { appendFileSync } from 'node:fs';

export default {
  name: 'saver',
  accepts: (document) => typeof document?.save === 'string',
  async run({ job, attempt, lastProgress, saveProgress }) {
    const say = (line) => appendFileSync(job.document.save, `${line}\n`);
    say(`saver ${attempt}${lastProgress === undefined ? '' : ` from ${lastProgress}`}`);
    await saveProgress('half').catch(() => say('unsaved'));
  },
};

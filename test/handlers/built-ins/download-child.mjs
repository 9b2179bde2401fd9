// Runs one download from dist in a process of its own, which a test may kill: node download-child.mjs <order as JSON>.
// `progressFile` keeps what the step saves; the result and the largest resident set, in KiB, go to stdout.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createDownloadFile } from '../../../dist/handlers/built-ins/download-file.js';

const { input, settings, progressFile } = JSON.parse(process.argv[2]);
const drop = () => undefined;
const builtIn = createDownloadFile({ ...settings, hostDenied: drop });
const result = await builtIn.run(input, {
  job: { thingName: 'thing', jobId: 'job', executionNumber: 1, document: {} },
  stepIndex: 0,
  signal: new AbortController().signal,
  log: { debug: drop, info: drop, warn: drop, error: drop },
  lastProgress: existsSync(progressFile) ? JSON.parse(readFileSync(progressFile, 'utf8')) : undefined,
  runAsUser: undefined,
  saveProgress: (value) => {
    writeFileSync(`${progressFile}.new`, JSON.stringify(value));
    renameSync(`${progressFile}.new`, progressFile);
  },
  reportProgress: drop,
});
process.stdout.write(JSON.stringify({ result, maxRssKilobytes: process.resourceUsage().maxRSS }));

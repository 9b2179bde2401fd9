import { defaultPolicy, describeDevice, plainBuiltIns } from '../agent/device.ts';
import { loadConfig } from '../config/load.ts';
import { createDocumentParser, isAwsDocument } from '../execution/document-parser.ts';
import { type Problem, problemText, WHOLE } from '../execution/document-problems.ts';
import { type DocumentVerdict, type Judge, judgeDocument, judgeForDevice } from '../execution/document-verdict.ts';
import { policyProblems } from '../execution/policy.ts';
import { readDocument } from './document-file.ts';
import { EXIT } from './exit-codes.ts';

export interface FileVerdict {
  readonly file: string;
  readonly verdict: 'valid' | 'invalid' | 'unreadable';
  /** What the cloud would read; only of a document that a device would reject. */
  readonly reason?: string;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Characters of a document (service model, JobDocument). */
const LONGEST_DOCUMENT = 32_768;

/** Tells a verdict on each file, on stdout. Returns the exit code; throws a LocalFaultError for the configuration. */
export async function validateFiles(
  files: readonly string[],
  options: { readonly configPath?: string | undefined; readonly json: boolean },
): Promise<number> {
  const judge = judgingFor(options.configPath);
  const verdicts: FileVerdict[] = [];
  for (const file of files) {
    const verdict = await judgeFile(file, judge);
    verdicts.push(verdict);
    if (!options.json) process.stdout.write(forPeople(verdict));
  }
  if (options.json) process.stdout.write(`${JSON.stringify(verdicts, null, 2)}\n`);
  if (verdicts.some(({ verdict }) => verdict === 'unreadable')) return EXIT.unreadable;
  return verdicts.some(({ verdict }) => verdict === 'invalid') ? EXIT.invalid : EXIT.ok;
}

type Judging = (document: unknown) => Promise<DocumentVerdict>;

function judgingFor(configPath: string | undefined): Judging {
  if (configPath === undefined) return forAnyDevice();
  const config = loadConfig({ path: configPath, env: process.env, flags: [] });
  const { judge } = describeDevice(config);
  return (document) => judgeForDevice(document, judge, config.handlers.directory);
}

/**
 * Without a configuration nothing is known of the device. Its conditions and policy are not asked about; and what a
 * built-in would not take is only a warning, as the device may have a script of its own in the built-in's place. So is
 * what a device would not allow whose configuration has no policy.
 */
function forAnyDevice(): Judging {
  const builtIns = plainBuiltIns();
  const judge: Judge = { parse: createDocumentParser(builtIns), builtIns };
  const policy = defaultPolicy();
  return async (document) => {
    const verdict = judgeDocument(document, judge);
    if (verdict.kind === 'rejected') return verdict;
    const onDevice = await judgeForDevice(document, judge, undefined);
    const warnings = [
      ...verdict.warnings,
      ...(onDevice.kind === 'rejected' ? onDevice.problems : []),
      ...policyProblems(verdict.document, policy, builtIns).map((rule) => ({
        path: '',
        message: `by default ${rule}`,
      })),
    ];
    return { ...verdict, warnings };
  };
}

async function judgeFile(file: string, judge: Judging): Promise<FileVerdict> {
  const read = await readDocument(file);
  if (read.kind !== 'document') {
    const verdict = read.kind === 'unreadable' ? 'unreadable' : 'invalid';
    return { file, verdict, problems: [{ path: '', message: read.problem }], warnings: [] };
  }
  const { document, characters } = read;
  if (!isAwsDocument(document)) {
    const message = 'is not an AWS job document (no version, steps or operation): only a plug-in could take it';
    return { file, verdict: 'invalid', problems: [{ path: WHOLE, message }], warnings: [] };
  }
  const verdict = await judge(document);
  const tooLong = `has ${characters} characters, and AWS IoT Jobs takes at most ${LONGEST_DOCUMENT}`;
  const warnings = [...(characters > LONGEST_DOCUMENT ? [{ path: WHOLE, message: tooLong }] : []), ...verdict.warnings];
  if (verdict.kind === 'accepted') return { file, verdict: 'valid', problems: [], warnings };
  const { problems, reason } = verdict;
  return { file, verdict: 'invalid', reason, problems, warnings };
}

function forPeople({ file, verdict, problems, warnings }: FileVerdict): string {
  const lines = [
    `${file === '-' ? 'standard input' : printable(file)}: ${verdict}`,
    ...problems.map((problem) => `  ${problemText(problem)}`),
    ...warnings.map((warning) => `  warning: ${problemText(warning)}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A file's name can be anything, also what moves a terminal's cursor. */
function printable(name: string): string {
  return name.replace(/\p{C}/gu, '?');
}

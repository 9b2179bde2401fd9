import { Command } from 'commander';

interface ValidateFlags {
  readonly config?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Says what the agent would say, in the same words, and runs nothing. Unknown keys are warnings. A placeholder for a
presigned URL counts as the URL in it; one for a template's parameter is text like other text.

Exit codes: 0 all valid, 1 a document is invalid, 2 a file cannot be read (the worst of all files).

Examples:
  $ thing-agent validate job.json
  $ thing-agent validate --json jobs/*.json
  $ thing-agent validate --config /etc/thing-agent/agent.json job.json   # with this device's conditions and policy
  $ aws iot get-job-document --job-id update-7 --query document --output text | thing-agent validate -

docs/job-documents.md says what a document can have.
`;

/** `thing-agent validate`: whether job documents are good, before a job is made of them. */
export function validateCommand(): Command {
  return new Command('validate')
    .description('Say whether job documents are valid, and everything that is wrong with them.')
    .argument('<file...>', 'job documents, JSON; - is standard input')
    .option('-c, --config <file>', 'a device’s configuration: its conditions and its policy count too')
    .option('--json', 'for machines: one array with an object for each file')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], flags: ValidateFlags) => {
      const { validateFiles } = await import('./validate-files.ts');
      process.exitCode = await validateFiles(files, { configPath: flags.config, json: flags.json === true });
    });
}

import { Command, CommanderError } from 'commander';
import { LocalFaultError } from '../errors.ts';
import { agentVersion } from '../system/agent-version.ts';
import { EXIT } from './exit-codes.ts';
import { runCommand } from './run.ts';

/** argv → command → exit code. Throws nothing: every end is a message and a code. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    const program = await buildProgram(argv[2]);
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = tell(error);
  }
}

/** The other commands are loaded only where they are used or shown: the agent must not pay for them. */
async function buildProgram(command: string | undefined): Promise<Command> {
  const program = new Command('thing-agent')
    .description('The device agent for AWS IoT Jobs, and a simulator that needs no AWS account.')
    .version(agentVersion(), '-V, --version')
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  program.addCommand(runCommand().exitOverride());
  if (command !== 'run') {
    const [{ simulateCommand }, { validateCommand }] = await Promise.all([
      import('./simulate.ts'),
      import('./validate.ts'),
    ]);
    program.addCommand(validateCommand().exitOverride());
    program.addCommand(simulateCommand().exitOverride());
  }
  return program;
}

function tell(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof LocalFaultError) {
    process.stderr.write(`thing-agent: ${error.code}: ${error.message}\n`);
    return EXIT.localFault;
  }
  process.stderr.write(`thing-agent: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.internal;
}

const EXAMPLES = `
Examples:
  thing-agent simulate --thing pi-1
  thing-agent run --config /etc/thing-agent/agent.json
  thing-agent validate job.json
`;

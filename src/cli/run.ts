import { constants } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { loadConfig, type Setting } from '../config/load.ts';
import { LocalFaultError } from '../errors.ts';
import { closeInheritedDescriptors } from '../system/descriptors.ts';
import { EXIT } from './exit-codes.ts';

/** Flags that stand above a key of the configuration. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  thingName: ['thingName'],
  endpoint: ['endpoint'],
  port: ['port'],
  clientId: ['clientId'],
  certificate: ['certificatePath'],
  privateKey: ['privateKeyPath'],
  rootCa: ['rootCaPath'],
  stateDirectory: ['stateDirectory'],
  logLevel: ['log', 'level'],
};

export function runCommand(): Command {
  return new Command('run')
    .description('Run the agent: connect, take jobs, report the truth about them. Runs until SIGTERM or SIGINT.')
    .option('-c, --config <file>', 'the configuration (default: /etc/thing-agent/agent.json)')
    .option('--thing-name <name>', 'thingName')
    .option('--endpoint <host>', 'endpoint')
    .option('--port <number>', 'port', wholeNumber)
    .option('--client-id <id>', 'clientId')
    .option('--certificate <file>', 'certificatePath')
    .option('--private-key <file>', 'privateKeyPath')
    .option('--root-ca <file>', 'rootCaPath')
    .option('--state-directory <directory>', 'stateDirectory')
    .option('--log-level <level>', 'log.level')
    .option('--pretty', 'log for people instead of JSON')
    .addHelpText(
      'after',
      `
Flags stand above environment variables (THING_AGENT_MQTT__KEEP_ALIVE_SECONDS), and those above the file.

Examples:
  thing-agent run --config /etc/thing-agent/agent.json
  thing-agent run --config agent.json --log-level debug --pretty
`,
    )
    .action(async (flags: Record<string, unknown>) => {
      process.exitCode = await runAgent(flags);
    });
}

/** Runs an agent until it is told to stop. Returns the exit code; throws a LocalFaultError. */
async function runAgent(flags: Record<string, unknown>): Promise<number> {
  closeInheritedDescriptors();
  const path = typeof flags['config'] === 'string' ? flags['config'] : undefined;
  const config = loadConfig({ path, env: process.env, flags: settingsOf(flags) });
  const [{ createLogger }, { Agent }] = await Promise.all([import('../system/logger.ts'), import('../agent/agent.ts')]);
  const log = await createLogger({ level: config.log.level, pretty: flags['pretty'] === true });
  const agent = new Agent(config, log);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a defect of the agent: it ends, to be started again');
    agent.kill();
    process.exit(EXIT.internal);
  });
  const told = firstSignal(() => agent.kill());
  try {
    await agent.start();
    await told;
    await agent.stop();
    return EXIT.ok;
  } catch (error) {
    if (error instanceof LocalFaultError) throw error;
    log.fatal({ err: error }, 'a defect of the agent: it ends, to be started again');
    agent.kill();
    return EXIT.internal;
  }
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function firstSignal(kill: () => void): Promise<void> {
  return new Promise((resolve) => {
    let signalled = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (signalled) {
        kill();
        process.exit(128 + constants.signals[signal]);
      }
      signalled = true;
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

function settingsOf(flags: Record<string, unknown>): Setting[] {
  return Object.entries(SETTINGS).flatMap(([flag, path]) =>
    flags[flag] === undefined ? [] : [{ path, value: flags[flag] }],
  );
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

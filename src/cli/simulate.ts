import { Command, InvalidArgumentError } from 'commander';
import type { Logger } from 'pino';
import { errorMessage, LocalFaultError } from '../errors.ts';
import type { BrokerNews } from '../simulator/external-broker/external-broker.ts';
import type { BrokerOption } from '../simulator/external-broker/target.ts';

interface SimulateFlags {
  readonly host: string;
  readonly hostname: readonly string[];
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly dataDir: string;
  readonly region: string;
  readonly thing: readonly string[];
  readonly broker?: string;
  readonly brokerCa?: string;
  readonly brokerCert?: string;
  readonly brokerKey?: string;
}

/** Which flag to look at when the simulator cannot start. */
const FLAGS = {
  mqttPort: '--mqtt-port',
  httpPort: '--http-port',
  httpsPort: '--https-port',
  dataDirectory: '--data-dir',
  'broker.url': '--broker',
  'broker.caPath': '--broker-ca',
  'broker.certPath': '--broker-cert',
  'broker.keyPath': '--broker-key',
} as const;

const EXAMPLES = `
Examples:
  $ thing-agent simulate --thing pi
  $ thing-agent run --config .thing-agent-simulator/things/pi/agent.json
  $ aws --endpoint-url http://127.0.0.1:8080 iot create-job --job-id hello \\
      --targets arn:aws:iot:us-east-1:123456789012:thing/pi --document file://job.json
  $ thing-agent simulate --host 0.0.0.0 --hostname bench.local   # for devices on the network
  $ thing-agent simulate --broker mqtts://bench.local:8883 --thing pi   # with a Mosquitto of yours, say
  $ curl -X POST http://127.0.0.1:8080/_simulator/time -d '{"advanceSeconds": 3600}'
  $ curl -N http://127.0.0.1:8080/_simulator/messages/stream            # every message, as it comes

docs/simulator.md has the rest: faults on order, state, settings, files for jobs, policies.
`;

/** `thing-agent simulate`: AWS IoT Core and its Jobs service on this machine. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('Play AWS IoT Core and its Jobs service on this machine, with no AWS account.')
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--hostname <name>', 'a further name or address in the server certificate (repeatable)', collect, [])
    .option('--mqtt-port <port>', 'MQTT over mutual TLS; 0 picks a free port, so for all three', port, 8883)
    .option('--http-port <port>', 'control plane and Jobs data plane, signature not checked', port, 8080)
    .option('--https-port <port>', 'Jobs data plane for devices with their certificate', port, 8443)
    .option('--data-dir <path>', 'where state, certificates and things are kept', './.thing-agent-simulator')
    .option('--region <region>', 'the region in ARNs; the account is 123456789012', 'us-east-1')
    .option('--thing <name>', 'make this thing ready for an agent, with key and config (repeatable)', thing, [])
    .option('--broker <url>', 'use the broker at mqtts://host:port, not our own; --mqtt-port then has no meaning')
    .option('--broker-ca <path>', 'who signed the broker’s certificate; default: the simulator’s own CA')
    .option('--broker-cert <path>', 'what the simulator shows to the broker; default: a certificate of its own CA')
    .option('--broker-key <path>', 'the key of --broker-cert')
    .addHelpText('after', EXAMPLES)
    .action((flags: SimulateFlags) => simulate(flags));
}

async function simulate(flags: SimulateFlags): Promise<void> {
  const [{ pino }, { Simulator }] = await Promise.all([import('pino'), import('../simulator/simulator.ts')]);
  const log = pino(pino.destination({ dest: 2, sync: true }));
  const broker = brokerOption(flags);
  // Listened to from here on: a signal during the start stops it too.
  const { signalled, release } = stopSignal();
  const { dataDir: dataDirectory, hostname: hostnames, host, mqttPort, httpPort, httpsPort, region } = flags;
  const simulator = new Simulator({
    ...{ dataDirectory, hostnames, host, mqttPort, httpPort, httpsPort, region },
    ...(broker ? { broker, onBrokerNews: tellBrokerNews(log, broker.url) } : {}),
    onFault: (err) => log.error({ err }, 'fault in the simulator'),
  });
  const ready = async (): Promise<void> => {
    const addresses = await simulator.start().catch(inTermsOfFlags);
    for (const name of flags.thing) await simulator.addThing(name).catch(inTermsOfFlags);
    process.stdout.write(`${JSON.stringify({ event: 'ready', ...addresses })}\n`);
    log.info({ ...addresses, things: flags.thing }, 'simulator ready');
  };
  try {
    // The wait for an external broker may be long.
    await Promise.race([ready(), signalled]);
    const signal = await signalled;
    log.info({ signal }, 'stopping');
  } finally {
    release();
    await simulator.stop();
  }
  log.info('stopped');
}

function stopSignal(): { signalled: Promise<NodeJS.Signals>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  process.on('SIGTERM', resolve).on('SIGINT', resolve);
  return { signalled: promise, release: () => process.off('SIGTERM', resolve).off('SIGINT', resolve) };
}

function brokerOption(flags: SimulateFlags): BrokerOption | undefined {
  const { broker: url, brokerCa: caPath, brokerCert: certPath, brokerKey: keyPath } = flags;
  if (url !== undefined) return { url, caPath, certPath, keyPath };
  if (caPath ?? certPath ?? keyPath)
    throw new LocalFaultError('SIMULATOR_START', '--broker-ca, --broker-cert and --broker-key need --broker');
  return undefined;
}

function tellBrokerNews(log: Logger, broker: string): (news: BrokerNews) => void {
  return (news) => {
    if (news.event === 'connected') {
      log.info({ broker, protocolVersion: news.protocolVersion }, 'connected to the broker');
    } else if (news.event === 'unreachable') {
      log.warn({ broker, retryInMs: news.retryInMs }, `no connection to the broker: ${news.problem}`);
    } else {
      log.warn({ broker, topic: news.topic }, `the broker refuses a message of the Jobs service: ${news.problem}`);
    }
  };
}

async function inTermsOfFlags(error: unknown): Promise<never> {
  const { SimulatorStartError } = await import('../simulator/start-error.ts');
  if (error instanceof SimulatorStartError) {
    throw new LocalFaultError('SIMULATOR_START', `${FLAGS[error.option]}: ${error.message}`, { cause: error });
  }
  throw error instanceof Error ? error : new Error(errorMessage(error));
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function thing(value: string, before: readonly string[]): string[] {
  if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(value)) {
    throw new InvalidArgumentError('A thing name is 1 to 128 letters, digits, ":", "_" or "-".');
  }
  return [...before, value];
}

function port(value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}

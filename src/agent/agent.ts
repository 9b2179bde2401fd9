import type { AgentConfig } from '../config/config.ts';
import type { Connection } from '../connection/connection.ts';
import { createMqttJsConnection } from '../connection/mqttjs-connection.ts';
import { loadTlsMaterial } from '../connection/tls-material.ts';
import { DocumentPlanner } from '../execution/document-planner.ts';
import type { Plugin } from '../handlers/plugin.ts';
import { loadPlugins } from '../handlers/plugin-loader.ts';
import { MqttJobsClient } from '../jobs/mqtt-jobs-client.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournal } from '../journal/journal-file.ts';
import { ProcessRunner } from '../system/child-process.ts';
import type { Log } from '../system/log.ts';
import { Dispatcher } from './dispatcher.ts';
import { Intake } from './intake.ts';
import { Reporter } from './reporter.ts';
import { retryDelayMs, sleep } from './retry.ts';

/** What exists between `start()` and `stop()`. */
interface Services {
  readonly journal: Journal;
  readonly connection: Connection;
  readonly client: MqttJobsClient;
  readonly intake: Intake;
  readonly reporter: Reporter;
  readonly dispatcher: Dispatcher;
}

/** The agent on one thing: the only place that builds services. `start()` acquires, `stop()` releases in reverse. */
export class Agent {
  readonly #config: AgentConfig;
  readonly #log: Log;
  readonly #processes = new ProcessRunner();
  #plugins: readonly Plugin[] = [];
  #services: Services | undefined;
  #session = new AbortController();

  constructor(config: AgentConfig, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  /**
   * Resolves when everything local is in order and connecting has begun; the connection itself is tried for ever.
   * Throws a LocalFaultError for what only a person can mend.
   */
  async start(): Promise<void> {
    const config = this.#config;
    const tls = loadTlsMaterial(config);
    const { plugins: paths, pluginMemoryMegabytes } = config.handlers;
    this.#plugins = await loadPlugins(paths, this.#log, { memoryMegabytes: pluginMemoryMegabytes });
    const journal = openJournal(config.stateDirectory);
    const connection = createMqttJsConnection(
      {
        endpoint: config.endpoint,
        port: config.port,
        clientId: config.clientId,
        protocolVersion: config.mqtt.protocolVersion,
        keepAliveSeconds: config.mqtt.keepAliveSeconds,
        tls,
      },
      this.#log,
    );
    const planner = new DocumentPlanner({
      plugins: this.#plugins,
      ...(config.handlers.directory === undefined ? {} : { handlersDirectory: config.handlers.directory }),
      processes: this.#processes,
      log: this.#log,
    });
    this.#services = this.#assemble(journal, connection, planner);
    this.#log.info(
      { thingName: config.thingName, endpoint: config.endpoint, port: config.port, pid: process.pid },
      'thing-agent started',
    );
    connection.start();
  }

  /** Lets the running step end within the configured grace, puts its state on disk, disconnects. */
  async stop(): Promise<void> {
    const services = this.#services;
    if (!services) return;
    this.#services = undefined;
    this.#log.info({ graceSeconds: this.#config.jobs.stopGraceSeconds }, 'stopping: no new job is taken');
    await services.dispatcher.stop(this.#config.jobs.stopGraceSeconds * 1000);
    await services.reporter.flush(LAST_WORDS_MS);
    this.#closeSession(services);
    for (const plugin of this.#plugins) plugin.end();
    services.client.stop();
    await services.connection.stop();
    services.journal.close();
    this.#log.info({}, 'stopped');
  }

  /** Ends all children at once. The journal needs no farewell: what it says is on disk already. */
  kill(): void {
    this.#processes.killAll();
    for (const plugin of this.#plugins) plugin.end();
  }

  #assemble(journal: Journal, connection: Connection, planner: DocumentPlanner): Services {
    const log = this.#log;
    const client = new MqttJobsClient(connection, this.#config.thingName, log);
    const intake: Intake = new Intake({ client, journal, log, sleep, onChange: () => dispatcher.wake() });
    const reporter: Reporter = new Reporter({
      client,
      journal,
      log,
      sleep,
      onSettled: () => dispatcher.wake(),
      onOutdated: () => intake.refresh(),
    });
    const { thingName, jobs } = this.#config;
    const dispatcher: Dispatcher = new Dispatcher({
      thingName,
      concurrency: jobs.concurrency,
      client,
      journal,
      planner,
      intake,
      reporter,
      log,
    });
    const services = { journal, connection, client, intake, reporter, dispatcher };
    client.start(intake);
    connection.on('up', () => void this.#openSession(services));
    connection.on('down', () => this.#closeSession(services));
    return services;
  }

  /** After every connect: subscribe, then report what waits and ask what is pending, then run. */
  async #openSession({ client, intake, reporter, dispatcher }: Services): Promise<void> {
    this.#session = new AbortController();
    const { signal } = this.#session;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await client.subscribe();
        break;
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn({ err: error }, 'subscribing failed; trying again');
        await sleep(retryDelayMs(attempt), signal);
      }
    }
    if (signal.aborted) return;
    reporter.open(signal);
    await intake.open(signal);
    if (!signal.aborted) dispatcher.open(signal);
  }

  #closeSession({ intake, reporter, dispatcher }: Services): void {
    this.#session.abort();
    dispatcher.close();
    reporter.close();
    intake.close();
  }
}

/** Milliseconds that results may take to reach the service at a stop; what is left waits in the outbox. */
const LAST_WORDS_MS = 2_000;

import { join } from 'node:path';
import type { AgentConfig } from '../config/config.ts';
import type { Connection } from '../connection/connection.ts';
import { createMqttJsConnection } from '../connection/mqttjs-connection.ts';
import { loadTlsMaterial } from '../connection/tls-material.ts';
import { DocumentPlanner } from '../execution/document-planner.ts';
import type { Planner } from '../execution/plan.ts';
import { Workspaces } from '../execution/workspace.ts';
import { loadPlugins } from '../handlers/plugins/loader.ts';
import type { Plugin } from '../handlers/plugins/plugin.ts';
import { MqttJobsClient } from '../jobs/mqtt-jobs-client.ts';
import type { Journal } from '../journal/journal.ts';
import { type JournalOptions, openJournal } from '../journal/journal-file.ts';
import { ProcessRunner } from '../system/child-process.ts';
import { type Clock, sleep, systemClock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { endOrphans } from '../system/orphans.ts';
import { ProcessLedger } from '../system/process-ledger.ts';
import { describeDevice } from './device.ts';
import { Dispatcher } from './dispatcher.ts';
import { DocumentSource } from './document-source.ts';
import { ExecutionRunner } from './execution-runner.ts';
import { ExecutionUpdates } from './execution-updates.ts';
import { Intake } from './intake.ts';
import { ProgressSender } from './progress-sender.ts';
import { Rebooter } from './rebooter.ts';
import { Reporter } from './reporter.ts';
import { retryDelayMs } from './retry.ts';
import { StorageGate } from './storage-gate.ts';
import { Watch } from './watch.ts';

/** What exists between `start()` and `stop()`. */
interface Services {
  readonly journal: Journal;
  readonly connection: Connection;
  readonly client: MqttJobsClient;
  readonly updates: ExecutionUpdates;
  readonly watch: Watch;
  readonly progress: ProgressSender;
  readonly intake: Intake;
  readonly reporter: Reporter;
  readonly dispatcher: Dispatcher;
  readonly storage: StorageGate;
}

type OpenJournal = (stateDirectory: string, options: JournalOptions) => Journal;

/** What a test may put in the place of the real: time, the disk, and what documents mean. */
export interface AgentParts {
  readonly clock?: Clock;
  readonly openJournal?: OpenJournal;
  readonly planner?: Planner;
}

/** The agent on one thing: the only place that builds services. `start()` acquires, `stop()` releases in reverse. */
export class Agent {
  readonly #config: AgentConfig;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #openJournal: OpenJournal;
  readonly #planner: Planner | undefined;
  readonly #ledger: ProcessLedger;
  readonly #processes: ProcessRunner;
  #plugins: readonly Plugin[] = [];
  #services: Services | undefined;
  #session = new AbortController();
  /** Aborted by `stop()`. */
  readonly #stopped = new AbortController();
  /** No step may start before nothing is left running that an agent before this one has started. */
  #orphansEnded: Promise<void> = Promise.resolve();

  constructor(config: AgentConfig, log: Log, parts: AgentParts = {}) {
    this.#clock = parts.clock ?? systemClock;
    this.#openJournal = parts.openJournal ?? openJournal;
    this.#planner = parts.planner;
    this.#config = config;
    this.#log = log;
    this.#ledger = new ProcessLedger(join(config.stateDirectory, 'processes'), log);
    this.#processes = new ProcessRunner({ ledger: this.#ledger });
  }

  /**
   * Resolves when everything local is in order and connecting has begun; the connection itself is tried for ever.
   * Throws a LocalFaultError for what only a person can mend.
   */
  async start(): Promise<void> {
    const config = this.#config;
    const tls = loadTlsMaterial(config);
    const { plugins: paths, pluginMemoryMegabytes } = config.handlers;
    this.#plugins = await loadPlugins(paths, this.#log, {
      memoryMegabytes: pluginMemoryMegabytes,
      ledger: this.#ledger,
    });
    let journalFault: unknown;
    const journal = this.#openJournal(config.stateDirectory, {
      log: this.#log,
      onUnavailable: (error) => {
        journalFault = error;
        this.#services?.storage.failed(error);
      },
    });
    // Not before the journal is held: until then they may be another agent's, which is well.
    const { signal } = this.#stopped;
    this.#orphansEnded = endOrphans({ ledger: this.#ledger, clock: this.#clock, log: this.#log, signal });
    const connection = createMqttJsConnection(
      {
        endpoint: config.endpoint,
        port: config.port,
        clientId: config.clientId,
        protocolVersion: config.mqtt.protocolVersion,
        keepAliveSeconds: config.mqtt.keepAliveSeconds,
        tls,
        clock: this.#clock,
      },
      this.#log,
    );
    const { stateDirectory, executionLogs } = config;
    const workspaces = new Workspaces({ stateDirectory, executionLogs, log: this.#log });
    // While the journal cannot be read, or has lost what it knew, nobody knows which scratch directories are in use: a
    // cleanup that is still due may need its own. They are tidied at the next start that knows.
    if (journalFault === undefined && !journal.isRebuilt()) await workspaces.tidy(journal.runnable());
    const planner = this.#planner ?? this.#documentPlanner();
    this.#services = this.#assemble(journal, connection, planner, workspaces);
    if (journalFault !== undefined) this.#services.storage.failed(journalFault);
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
    this.#stopped.abort();
    this.#log.info({ graceSeconds: this.#config.jobs.stopGraceSeconds }, 'stopping: no new job is taken');
    await services.dispatcher.stop(this.#config.jobs.stopGraceSeconds * 1000);
    services.storage.stop();
    await Promise.all([services.reporter.flush(LAST_WORDS_MS), services.progress.flush(LAST_WORDS_MS)]);
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

  #documentPlanner(): Planner {
    const { directory, allowedDirectories } = this.#config.handlers;
    const { builtIns, judge } = describeDevice(this.#config);
    const programs = { processes: this.#processes, handlersDirectory: directory, allowedDirectories };
    return new DocumentPlanner({ plugins: this.#plugins, judge, builtIns, programs, log: this.#log });
  }

  #assemble(journal: Journal, connection: Connection, planner: Planner, workspaces: Workspaces): Services {
    const { thingName, jobs, reboot, stateDirectory } = this.#config;
    const log = this.#log;
    const clock = this.#clock;
    const client = new MqttJobsClient(connection, thingName, log, clock);
    const updates = new ExecutionUpdates(client, clock);
    const watch = new Watch({ updates, clock, log });
    const progress = new ProgressSender({ updates, clock, log, onOver: (identity, why) => watch.over(identity, why) });
    const intake: Intake = new Intake({
      client,
      updates,
      journal,
      log,
      clock,
      watch,
      onChange: () => dispatcher.wake(),
      onReopened: () => reporter.wake(),
    });
    const reporter: Reporter = new Reporter({
      updates,
      journal,
      log,
      clock,
      onSettled: () => dispatcher.wake(),
      onOutdated: () => intake.refresh(),
    });
    const storage = new StorageGate({
      stateDirectory,
      journal,
      clock,
      log,
      onChange: (trouble) => {
        const storage = trouble ?? 'can be used again';
        for (const execution of dispatcher.running) progress.remark(execution, { storage });
        if (trouble !== undefined) return;
        // What came while nothing could be written is asked for again, and what waits goes on.
        intake.refresh();
        reporter.storageRecovered();
        dispatcher.storageRecovered();
      },
    });
    const stopping = new AbortController();
    const cutOff = new AbortController();
    const commands = { reboot: reboot.command, shutdown: reboot.shutdownCommand };
    // Not in the ledger: what makes the device start anew is no orphan of a step.
    const rebooter = new Rebooter({
      ...reboot,
      commands,
      processes: new ProcessRunner(),
      clock,
      log,
      onReleased: () => dispatcher.wake(),
    });
    const runner = new ExecutionRunner({
      thingName,
      maxInterruptions: jobs.maxInterruptions,
      stepTimeoutSeconds: jobs.stepTimeoutSeconds,
      updates,
      watch,
      journal,
      planner,
      documents: new DocumentSource(updates, (identity) => intake.takeFresh(identity)),
      intake,
      reporter,
      progress,
      rebooter,
      workspaces,
      clock,
      log,
      stopping: stopping.signal,
      cutOff: cutOff.signal,
    });
    const { concurrency } = jobs;
    const dispatcher: Dispatcher = new Dispatcher({
      concurrency,
      journal,
      runner,
      intake,
      rebooter,
      storage,
      clock,
      log,
      stopping,
      cutOff,
    });
    const services = { journal, connection, client, updates, watch, progress, intake, reporter, dispatcher, storage };
    client.start(intake);
    connection.on('up', () => void this.#openSession(services));
    connection.on('down', () => this.#closeSession(services));
    return services;
  }

  /** After every connect: subscribe, then report what waits and ask what is pending, then run. */
  async #openSession({ client, watch, progress, intake, reporter, dispatcher }: Services): Promise<void> {
    this.#session = new AbortController();
    const { signal } = this.#session;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await client.subscribe();
        break;
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn({ err: error }, 'subscribing failed; trying again');
        await sleep(this.#clock, retryDelayMs(attempt), signal);
      }
    }
    if (signal.aborted) return;
    watch.open(signal);
    progress.open(signal);
    reporter.open(signal);
    await intake.open(signal);
    await this.#orphansEnded;
    if (!signal.aborted) dispatcher.open(signal);
  }

  #closeSession({ updates, watch, progress, intake, reporter, dispatcher }: Services): void {
    this.#session.abort();
    dispatcher.close();
    intake.close();
    reporter.close();
    progress.close();
    watch.close();
    updates.forgetAll();
  }
}

/** Milliseconds that results and progress may take to reach the service at a stop; results that do not wait in the outbox. */
const LAST_WORDS_MS = 2_000;

import { Agent } from '../../src/agent/agent.ts';
import type { AgentConfig } from '../../src/config/config.ts';
import { createMqttJsConnection } from '../../src/connection/mqttjs-connection.ts';
import { loadTlsMaterial } from '../../src/connection/tls-material.ts';
import type { JobExecution } from '../../src/jobs/model.ts';
import { MqttJobsClient } from '../../src/jobs/mqtt-jobs-client.ts';
import type { Log } from '../../src/system/log.ts';
import { nothingPlanner } from './nothing-planner.ts';

/** What stands for a device: the whole agent, or only what it says on the wire. */
export type DeviceKind = 'agent' | 'client';

export interface Device {
  /** Starts connecting. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What a device tells of itself. */
export interface DeviceEvents {
  /** It is connected and has its list, for the first time. */
  ready(): void;
  /** The service has taken an execution's end; `ms` is from when the device could begin it: told of it, and free. */
  ended(jobId: string, ms: number): void;
  /** Anything that should not happen here. */
  trouble(what: string): void;
}

export function createDevice(kind: DeviceKind, config: AgentConfig, events: DeviceEvents): Device {
  return kind === 'agent'
    ? new Agent(config, new AgentLog(events), { planner: nothingPlanner })
    : clientDevice(config, events);
}

/** The agent's log, read as its tests read it: it has one job at a time, first come, first served. */
class AgentLog implements Log {
  readonly #events: DeviceEvents;
  #ready = false;
  /** When the agent was told of each execution that has not ended. */
  readonly #toldAt: number[] = [];
  #freeSince = 0;

  constructor(events: DeviceEvents) {
    this.#events = events;
  }

  debug(): undefined {
    return undefined;
  }

  info(fields: object, message: string): void {
    if (message === 'pending jobs') this.#told(fields);
    if (message === 'reported') this.#reported(fields);
  }

  warn(fields: object, message: string): void {
    this.#events.trouble(`${message} ${JSON.stringify(fields)}`);
  }

  error(fields: object, message: string): void {
    this.#events.trouble(`${message} ${JSON.stringify(fields)}`);
  }

  #told(fields: object): void {
    const added = 'added' in fields ? Number(fields.added) : 0;
    const now = performance.now();
    for (let count = 0; count < added; count += 1) this.#toldAt.push(now);
    if (!this.#ready) this.#events.ready();
    this.#ready = true;
  }

  #reported(fields: object): void {
    const now = performance.now();
    const began = Math.max(this.#toldAt.shift() ?? now, this.#freeSince);
    this.#freeSince = now;
    if ('jobId' in fields && 'status' in fields && fields.status === 'SUCCEEDED') {
      this.#events.ended(String(fields.jobId), now - began);
    } else this.#events.trouble(`reported ${JSON.stringify(fields)}`);
  }
}

/** The agent's connection and its client of the Jobs API, with its sequence of messages; no journal, no handlers. */
function clientDevice(config: AgentConfig, events: DeviceEvents): Device {
  const { endpoint, port, clientId, mqtt, thingName } = config;
  const log = new AgentLog({ ...events, ready: () => undefined });
  const connection = createMqttJsConnection({ endpoint, port, clientId, ...mqtt, tls: loadTlsMaterial(config) }, log);
  const client = new MqttJobsClient(connection, thingName, log);
  const run = async (execution: JobExecution): Promise<void> => {
    const began = performance.now();
    const { jobId, executionNumber } = execution;
    await client.update(jobId, { status: 'IN_PROGRESS', executionNumber });
    await client.update(jobId, { status: 'SUCCEEDED', statusDetails: {}, executionNumber });
    events.ended(jobId, performance.now() - began);
  };
  const failed = (error: unknown): void => events.trouble(String(error));
  client.start({
    notify: () => undefined,
    // The next one comes with the answer to the last one's end: one at a time.
    notifyNext: (execution) => execution?.status === 'QUEUED' && void run(execution).catch(failed),
  });
  connection.on('up', () => {
    client
      .subscribe()
      .then(() => client.getPending())
      .then(() => events.ready())
      .catch(failed);
  });
  return {
    start: async () => connection.start(),
    stop: async () => {
      client.stop();
      await connection.stop();
    },
  };
}

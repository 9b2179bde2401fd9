import type { StatusDetails } from '../../../src/jobs/model.ts';

/** Signed for a service. The simulator reads the scope alone. */
const signed = (service: 'iot' | 'iot-jobs-data'): string =>
  `AWS4-HMAC-SHA256 Credential=test/20350101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
const THING_ARN = 'arn:aws:iot:us-east-1:123456789012:thing/';

/** An execution as the simulator keeps it; times are epoch milliseconds. */
export interface ServiceExecution {
  readonly jobId: string;
  readonly thingName: string;
  readonly executionNumber: number;
  readonly status: string;
  readonly statusDetails: StatusDetails;
  readonly queuedAt: number;
  readonly startedAt?: number;
  readonly lastUpdatedAt: number;
  /** When its in-progress timer runs out. */
  readonly timesOutAt?: number;
  readonly versionNumber: number;
}

/** A refusal of the control plane. */
export class Refused extends Error {
  readonly status: number;

  constructor(what: string, status: number, body: string) {
    super(`${what}: ${status} ${body}`);
    this.status = status;
  }
}

/** Who makes jobs and takes them back: the control plane over HTTP, as AWS's tools speak to it. */
export class Operator {
  readonly #url: () => string;
  readonly #thing: string;

  constructor(url: () => string, thing: string) {
    this.#url = url;
    this.#thing = thing;
  }

  async createJob(jobId: string, document: unknown, fields: object = {}): Promise<void> {
    const targets = [THING_ARN + this.#thing];
    await this.#ask('PUT', `/jobs/${jobId}`, { targets, document: JSON.stringify(document), ...fields });
  }

  async cancelJob(jobId: string, force = false): Promise<void> {
    await this.#ask('PUT', `/jobs/${jobId}/cancel?force=${force}`, {});
  }

  async deleteJob(jobId: string, force = false): Promise<void> {
    await this.#ask('DELETE', `/jobs/${jobId}?force=${force}`);
  }

  async cancelExecution(jobId: string, force = false): Promise<void> {
    await this.#ask('PUT', `/things/${this.#thing}/jobs/${jobId}/cancel?force=${force}`, {});
  }

  async deleteExecution(jobId: string, executionNumber: number, force = false): Promise<void> {
    await this.#ask('DELETE', `/things/${this.#thing}/jobs/${jobId}/executionNumber/${executionNumber}?force=${force}`);
  }

  /** As another device of the thing would, over HTTP. */
  async begin(jobId: string): Promise<void> {
    await this.#ask('POST', `/things/${this.#thing}/jobs/${jobId}`, { status: 'IN_PROGRESS' }, 'iot-jobs-data');
  }

  /** All executions that the service has, ended ones too; by job and number. */
  async executions(): Promise<ServiceExecution[]> {
    const { executions = [] } = (await this.#ask('GET', '/_simulator/state')) as { executions?: ServiceExecution[] };
    return executions
      .filter(({ thingName }) => thingName === this.#thing)
      .sort((a, b) => a.jobId.localeCompare(b.jobId) || a.executionNumber - b.executionNumber);
  }

  /** The document of each job, by its id. */
  async documents(): Promise<Map<string, unknown>> {
    const { jobs = [] } = (await this.#ask('GET', '/_simulator/state')) as {
      jobs?: { readonly jobId: string; readonly document: string }[];
    };
    return new Map(jobs.map(({ jobId, document }) => [jobId, JSON.parse(document) as unknown]));
  }

  async reset(): Promise<void> {
    await this.#ask('POST', '/_simulator/reset', {});
  }

  async failAt(rates: object): Promise<void> {
    await this.#ask('PUT', '/_simulator/faults/rates', rates);
  }

  async decide(settings: object): Promise<void> {
    await this.#ask('PATCH', '/_simulator/settings', settings);
  }

  async #ask(method: string, path: string, body?: object, service: 'iot' | 'iot-jobs-data' = 'iot'): Promise<unknown> {
    const response = await fetch(this.#url() + path, {
      method,
      headers: { authorization: signed(service), ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Refused(`${method} ${path}`, response.status, text);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }
}

import { CreateJobCommand, type IoTClient } from '@aws-sdk/client-iot';
import type { JobTarget } from './fleet-registration.ts';

/** Jobs that wait for the same devices at a time: with two, a device has its next one when it ends the first. */
const AT_ONCE = 2;
const DOCUMENT = JSON.stringify({ work: 'none' });

/** Keeps every device busy: when the last execution of a job has ended, another job is created for its things. */
export class JobStream {
  readonly #iot: IoTClient;
  readonly #failed: (error: unknown) => void;
  /** Executions that each job still has. */
  readonly #open = new Map<string, { left: number; readonly first: boolean; readonly target: JobTarget }>();
  readonly #warm = Promise.withResolvers<void>();
  #cold = 0;
  #count = 0;
  #stopped = false;

  constructor(iot: IoTClient, failed: (error: unknown) => void) {
    this.#iot = iot;
    this.#failed = failed;
  }

  /** Resolves when each of the targets has ended a job. */
  async start(targets: readonly JobTarget[]): Promise<void> {
    this.#cold = targets.length;
    for (const target of targets) {
      for (let count = 0; count < AT_ONCE; count += 1) this.#create(target, count === 0);
    }
    await this.#warm.promise;
  }

  /** The end of an execution. */
  ended(jobId: string): void {
    const job = this.#open.get(jobId);
    if (!job) return;
    job.left -= 1;
    if (job.left > 0) return;
    this.#open.delete(jobId);
    if (job.first) this.#cold -= 1;
    if (this.#cold === 0) this.#warm.resolve();
    if (!this.#stopped) this.#create(job.target, false);
  }

  /** Creates no further job. */
  stop(): void {
    this.#stopped = true;
  }

  #create(target: JobTarget, first: boolean): void {
    this.#count += 1;
    const jobId = `fleet-${this.#count}`;
    this.#open.set(jobId, { left: target.things, first, target });
    this.#iot
      .send(new CreateJobCommand({ jobId, targets: [...target.targets], document: DOCUMENT }))
      .catch((error: unknown) => {
        this.#failed(error);
        this.#warm.reject(error);
      });
  }
}

import type { JobsModel } from './jobs-model.ts';
import { type Execution, full, isPending, type Job, seconds, summary } from './records.ts';

export interface Message {
  readonly thing: string;
  readonly topic: string;
  readonly payload: object;
}

/** The table of section 5 (docs/protocol.md, Notifications), row by row. */
export class MessagesModel {
  readonly #model: JobsModel;
  #sent: Message[] = [];

  constructor(model: JobsModel) {
    this.#model = model;
  }

  take(): Message[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** The one that stood first in the queue of this one, to be asked before a change. */
  first({ thing, job }: Execution): Execution | undefined {
    return this.#model.pending(thing, job.request.namespace)[0];
  }

  /** Queued into an empty list: both. Behind another: notify alone. */
  queued(execution: Execution): void {
    if (execution.job.status === 'SCHEDULED') return;
    this.#notify(execution.thing, execution.job);
    if (this.#model.pending(execution.thing, execution.job.request.namespace).length === 1) {
      this.#notifyNext(execution.thing, execution.job);
    }
  }

  /** The first one starts: silence. Another starts and so becomes the first: notify-next alone. */
  started(execution: Execution, firstBefore: Execution | undefined): void {
    if (firstBefore !== execution && this.first(execution) === execution) {
      this.#notifyNext(execution.thing, execution.job);
    }
  }

  /** Ended, or deleted while it was pending: notify, and if it stood first, notify-next too. */
  left(execution: Execution, firstBefore: Execution | undefined): void {
    if (execution.job.status === 'SCHEDULED') return;
    this.#notify(execution.thing, execution.job);
    if (firstBefore === execution) this.#notifyNext(execution.thing, execution.job);
  }

  /** A window opens or closes: "yes, list changes", "if first changes". */
  whileChanging(job: Job, act: () => void): void {
    const pending = this.#model.executionsOf(job).filter(isPending);
    const before = pending.map((execution) => ({ execution, first: this.first(execution) }));
    const hidden = job.status === 'SCHEDULED';
    act();
    if (hidden === (job.status === 'SCHEDULED')) return;
    for (const { execution, first } of before) {
      this.#notify(execution.thing, job);
      if (this.first(execution) !== first) this.#notifyNext(execution.thing, job);
    }
  }

  /** Ten entries, both lists together; fifteen while a job with maintenance windows is among them. */
  lists(thing: string, namespace: string | undefined): { inProgress: object[]; queued: object[] } {
    const pending = this.#model.pending(thing, namespace);
    const limit = pending.some(({ job }) => job.request.schedule?.window) ? 15 : 10;
    const of = (status: string) =>
      pending
        .slice(0, limit)
        .filter((execution) => execution.status === status)
        .map(summary);
    return { inProgress: of('IN_PROGRESS'), queued: of('QUEUED') };
  }

  #notify(thing: string, job: Job): void {
    const { inProgress, queued } = this.lists(thing, job.request.namespace);
    const jobs = {
      ...(inProgress.length > 0 ? { IN_PROGRESS: inProgress } : {}),
      ...(queued.length > 0 ? { QUEUED: queued } : {}),
    };
    this.#send('notify', thing, job, { jobs });
  }

  #notifyNext(thing: string, job: Job): void {
    const first = this.#model.pending(thing, job.request.namespace)[0];
    this.#send('notify-next', thing, job, first ? { execution: full(first, this.#model.now) } : {});
  }

  #send(name: string, thing: string, { request: { namespace } }: Job, fields: object): void {
    const topic = namespace === undefined ? name : `${name}-namespace-${namespace}`;
    this.#sent.push({ thing, topic, payload: { timestamp: seconds(this.#model.now), ...fields } });
  }
}

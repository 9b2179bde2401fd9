/**
 * The reserved topics of AWS IoT Jobs for one thing (AWS developer guide, Reserved topics; docs/protocol.md, Topics).
 */

/** Where DescribeJobExecution looks when no job is named. The response topic keeps this literal. */
export const NEXT = '$next';

/** What a message on one of the thing's Jobs topics is. */
export type JobsTopic =
  | { readonly kind: 'notify' }
  | { readonly kind: 'notify-next' }
  | { readonly kind: 'response'; readonly request: string; readonly accepted: boolean };

export class JobsTopics {
  readonly #base: string;

  constructor(thingName: string) {
    this.#base = `$aws/things/${thingName}/jobs`;
  }

  get getPending(): string {
    return `${this.#base}/get`;
  }

  get startNext(): string {
    return `${this.#base}/start-next`;
  }

  describe(jobId: string): string {
    return `${this.#base}/${jobId}/get`;
  }

  update(jobId: string): string {
    return `${this.#base}/${jobId}/update`;
  }

  /** All that the agent listens to: six filters, under the eight that AWS allows in one SUBSCRIBE. */
  get filters(): readonly string[] {
    return ['notify', 'notify-next', 'get/+', 'start-next/+', '+/get/+', '+/update/+'].map(
      (suffix) => `${this.#base}/${suffix}`,
    );
  }

  /** Undefined for any other topic, and for another thing's: AWS tells clients to check the thing name. */
  parse(topic: string): JobsTopic | undefined {
    if (!topic.startsWith(`${this.#base}/`)) return undefined;
    const rest = topic.slice(this.#base.length + 1);
    if (rest === 'notify' || rest === 'notify-next') return { kind: rest };
    const cut = topic.lastIndexOf('/');
    const ending = topic.slice(cut + 1);
    if (ending !== 'accepted' && ending !== 'rejected') return undefined;
    return { kind: 'response', request: topic.slice(0, cut), accepted: ending === 'accepted' };
  }
}

import type { FaultKind } from '../faults/fault-rule.ts';
import { encode, type Message } from './message.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The greatest packet id (MQTT 3.1.1 §2.3.1), and so their number. */
const PACKET_IDS = 0xffff;

/** Which of Aedes's messages go to one client, and as what. */
export class Deliveries {
  readonly #subscriptions: Subscriptions;
  readonly #mayReceive: (topic: string) => boolean;
  /** Answers on their way through Aedes, by topic. */
  readonly #answers = new Map<string, number>();
  /** Packet ids that Aedes knows nothing of. */
  readonly #copies = new Set<number>();

  constructor(subscriptions: Subscriptions, mayReceive: (topic: string) => boolean) {
    this.#subscriptions = subscriptions;
    this.#mayReceive = mayReceive;
  }

  /** The next message on this topic is an answer, wanted whether subscribed or not. Returns its QoS. */
  expectAnswer(topic: string): 0 | 1 {
    this.#answers.set(topic, (this.#answers.get(topic) ?? 0) + 1);
    return this.#subscriptions.qosOf(topic) === 1 ? 1 : 0;
  }

  /** What becomes of a message; an answer that was expected is expected no more. */
  decide({ topic, packet }: Message): 'deliver' | 'forbidden' | 'unwanted' {
    if (!this.#takeAnswer(topic) && !this.#isSubscribed(topic, packet.retain)) return 'unwanted';
    // Answers need iot:Receive too: AWS's example policies for Jobs name it on them, where it would be idle otherwise. Our
    // decision.
    return this.#mayReceive(topic) ? 'deliver' : 'forbidden';
  }

  encode(message: Message, fault: FaultKind | undefined): Buffer {
    const { packet, frame } = message;
    if (fault === 'wrong') return encode(message);
    if (fault !== 'duplicate' || packet.qos === 0) return frame;
    // "Messages delivered more than once might be sent with a different packet ID. In these cases, the DUP flag is not
    // set" (developer guide, "MQTT").
    const messageId = this.#newPacketId(packet.messageId ?? 0);
    this.#copies.add(messageId);
    return encode(message, { messageId });
  }

  /** Whether the client has acknowledged a copy, of which Aedes need not hear. */
  isOfCopy(messageId: number): boolean {
    return this.#copies.delete(messageId);
  }

  #takeAnswer(topic: string): boolean {
    const expected = this.#answers.get(topic);
    if (expected === undefined) return false;
    if (expected > 1) this.#answers.set(topic, expected - 1);
    else this.#answers.delete(topic);
    return true;
  }

  #isSubscribed(topic: string, isRetained: boolean): boolean {
    // Retained messages are not sent to subscriptions with wildcards (developer guide, "MQTT retained messages").
    if (isRetained) return this.#subscriptions.has(topic);
    // Aedes matches `x/#` with `x`, as the standard does and AWS does not.
    return this.#subscriptions.qosOf(topic) !== undefined;
  }

  /** Far from those that Aedes counts up. */
  #newPacketId(original: number): number {
    let id = original + (PACKET_IDS >> 1);
    do id = (id % PACKET_IDS) + 1;
    while (this.#copies.has(id) && this.#copies.size < PACKET_IDS);
    return id;
  }
}

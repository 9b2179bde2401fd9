import { RecentMap } from '../system/recent-map.ts';
import type { ConnectionTrouble } from './connection.ts';

/** Closes this soon after connecting, with nothing in flight, are another client's doing. */
const DISPLACED_WITHIN_MS = 30_000;
const DISPLACED_TIMES = 3;
/** A close or a silence after one publish may be chance; after the same one twice it is a policy. */
const SUSPECT_TIMES = 2;
/** Topics under suspicion: that of a job which is over by now is never published to again. */
export const SUSPECTS_KEPT = 1_000;

/** MQTT 3.1.1 §3.2.2.3, and AWS's own 7 where the standard has 5. */
const CONNACK: Readonly<Record<number, string>> = {
  1: 'the protocol version is not accepted: try the other mqtt.protocolVersion',
  2: 'the client id is not accepted: check clientId',
  3: 'the server is unavailable',
  4: 'user name or password is wrong',
  5: 'not authorised: the policy must allow iot:Connect for this clientId',
  7: 'not authorised: the policy must allow iot:Connect for this clientId',
  128: 'unspecified error',
  133: 'the client id is not accepted: check clientId',
  135: 'not authorised: the policy must allow iot:Connect for this clientId',
};

/**
 * Recognises the guises in which a policy forbids something (MQTT 3.1.1 has no negative PUBACK: AWS closes the
 * connection) and tells each in words, with the topic. Pure: it is told what happened and answers with the trouble.
 */
export class RefusalWatch {
  readonly #suspects = new RecentMap<string, number>(SUSPECTS_KEPT);
  #earlyCloses = 0;

  /** TLS was up and the peer closed before CONNACK. */
  closedBeforeConnack(): ConnectionTrouble {
    return {
      code: 'CONNECT_REFUSED',
      message:
        'the server closed the connection before accepting it: certificate unknown or inactive, or Connect denied: activate the certificate, and allow iot:Connect for this clientId in its policy',
    };
  }

  connackRefused(code: number): ConnectionTrouble {
    return {
      code: 'CONNACK_REFUSED',
      message: `the server refused the connection (CONNACK ${code}): ${CONNACK[code] ?? 'see the MQTT reason code'}`,
    };
  }

  /** The granted codes of a SUBACK: one trouble for each filter that was refused (MQTT 3.1.1 §3.9.3: 0x80). */
  subscribed(filters: readonly string[], granted: readonly number[]): ConnectionTrouble[] {
    return filters.flatMap((filter, index) => {
      const code = granted[index] ?? 0x80;
      if (code < 0x80) return [];
      return [
        {
          code: 'SUBSCRIBE_REFUSED',
          topic: filter,
          message: `subscribing to ${filter} was refused (0x${code.toString(16)}): the policy must allow iot:Subscribe on topicfilter/${filter} and iot:Receive on its topics`,
        },
      ];
    });
  }

  /** PUBACK with a reason code of 0x80 and above (MQTT 5 §3.4.2.1). */
  publishRefused(topic: string, code: number): ConnectionTrouble {
    return {
      code: 'PUBLISH_REFUSED',
      topic,
      message: `publishing to ${topic} was refused (0x${code.toString(16)}): the policy must allow iot:Publish on topic/${topic}`,
    };
  }

  /** A publish was acknowledged, or a request answered. */
  cleared(topic: string): void {
    this.#suspects.delete(topic);
  }

  /** Deadline passed without a PUBACK, or without an answer. */
  silent(topic: string): ConnectionTrouble | undefined {
    if (!this.#suspect(topic)) return undefined;
    return {
      code: 'PUBLISH_UNANSWERED',
      topic,
      message: `publishing to ${topic} was followed by silence twice: the policy may forbid iot:Publish on topic/${topic}, or iot:Receive on topic/${topic}/accepted`,
    };
  }

  /** The peer closed the connection that was up for `livedMs`, with these unacknowledged; undefined: a subscription. */
  closed(livedMs: number, inFlight: readonly (string | undefined)[]): ConnectionTrouble | undefined {
    if (inFlight.length > 0) {
      this.#earlyCloses = 0;
      const topic = inFlight.filter((candidate) => candidate !== undefined && this.#suspect(candidate))[0];
      if (topic === undefined) return undefined;
      return {
        code: 'PUBLISH_CLOSED',
        topic,
        message: `the server closed the connection after a publish to ${topic}, twice: the policy must allow iot:Publish on topic/${topic}`,
      };
    }
    this.#earlyCloses = livedMs <= DISPLACED_WITHIN_MS ? this.#earlyCloses + 1 : 0;
    return this.#earlyCloses >= DISPLACED_TIMES ? this.displaced() : undefined;
  }

  /** Also MQTT 5 DISCONNECT 0x8E, session taken over. */
  displaced(): ConnectionTrouble {
    return {
      code: 'CLIENT_ID_TAKEN',
      message:
        'the connection is closed again and again soon after connecting: another client uses this clientId: give each device a clientId of its own',
    };
  }

  #suspect(topic: string): boolean {
    const times = (this.#suspects.get(topic) ?? 0) + 1;
    this.#suspects.set(topic, times);
    return times >= SUSPECT_TIMES;
  }
}

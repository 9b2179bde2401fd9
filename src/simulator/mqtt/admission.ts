import { randomUUID } from 'node:crypto';
import type { IConnectPacket } from 'mqtt-packet';
import type { Faults } from '../faults/faults.ts';
import type { Authorizer, Session } from './authorizer.ts';
import { CONNACK, checkConnect } from './connection-limits.ts';

export type Admission =
  | { readonly refuse: number; readonly reason: string }
  | { readonly session: Session; readonly connect: IConnectPacket; readonly keepAliveSeconds: number };

/** Whether a CONNECT is granted, by limits, faults on order and policies, and as what it goes on; else the CONNACK code. */
export function admit(
  packet: IConnectPacket,
  certificateId: string,
  { authorizer, faults }: { readonly authorizer: Authorizer; readonly faults: Faults },
): Admission {
  const decision = checkConnect(packet, randomUUID);
  if ('refuse' in decision) return decision;
  const { clientId, will, clean } = decision.connect;
  if (faults.refuses(clientId)) return { refuse: CONNACK.unavailable, reason: 'refused on order' };
  const session = { certificateId, clientId };
  const features = { persistent: clean === false, ...(will && { willTopic: will.topic }) };
  if (authorizer.connect(session, features)) return { session, ...decision };
  return { refuse: CONNACK.forbidden, reason: 'no policy allows iot:Connect' };
}

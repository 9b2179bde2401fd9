import { accountOperations } from './account-operations.ts';
import type { Handlers } from './call.ts';
import { certificateOperations } from './certificate-operations.ts';
import type { ControlPlane } from './control-plane.ts';
import { policyOperations } from './policy-operations.ts';
import { provisioningOperations } from './provisioning-operations.ts';
import { streamOperations } from './stream-operations.ts';
import { thingGroupOperations } from './thing-group-operations.ts';
import { thingOperations } from './thing-operations.ts';

/** Every operation of the control plane that is not about jobs. */
export function registryOperations(front: ControlPlane): Handlers {
  const { registry, authority } = front;
  return {
    ...thingOperations(registry),
    ...thingGroupOperations(registry),
    ...certificateOperations(registry, authority),
    ...policyOperations(registry),
    ...provisioningOperations(registry, authority),
    ...streamOperations(registry),
    ...accountOperations(front),
  };
}

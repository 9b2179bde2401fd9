import { accountOperations } from './account-operations.ts';
import type { Handlers } from './call.ts';
import { certificateOperations } from './certificate-operations.ts';
import { policyOperations } from './policy-operations.ts';
import { provisioningOperations } from './provisioning-operations.ts';
import type { RegistryFront } from './registry-front.ts';
import { streamOperations } from './stream-operations.ts';
import { thingGroupOperations } from './thing-group-operations.ts';
import { thingOperations } from './thing-operations.ts';

export type { RegistryFront } from './registry-front.ts';

/** Every operation of the control plane that is not about jobs. */
export function registryOperations(front: RegistryFront): Handlers {
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

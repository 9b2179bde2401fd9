import { randomUUID } from 'node:crypto';
import { type BuiltIn, defineBuiltIn } from './built-in.ts';
import { ServicesInput, wordsOf } from './name-lists.ts';
import type { ServiceVerb } from './service-manager.ts';
import type { ServiceWorkOptions } from './service-work.ts';

/** The three built-ins about services; what they run is loaded when the first of them runs. */
export function createServiceBuiltIns(settings: Omit<ServiceWorkOptions, 'agentInstance'>): readonly BuiltIn[] {
  const options = { ...settings, agentInstance: randomUUID() };
  return [
    serviceBuiltIn('startServices', 'start-services.sh', 'start', options),
    serviceBuiltIn('stopServices', 'stop-services.sh', 'stop', options),
    serviceBuiltIn('restartServices', 'restart-services.sh', 'restart', options),
  ];
}

function serviceBuiltIn(action: string, script: string, verb: ServiceVerb, options: ServiceWorkOptions): BuiltIn {
  return defineBuiltIn({
    action,
    script,
    input: ServicesInput,
    fromArguments: (args) => ({ services: wordsOf(args) }),
    async run({ services }, context) {
      const { changeServices } = await import('./service-work.ts');
      return changeServices(verb, services, context, options);
    },
  });
}

import * as v from 'valibot';
import { type BuiltIn, defineBuiltIn } from './built-in.ts';
import type { HealthCheckSettings } from './health-report.ts';
import { serviceList } from './name-lists.ts';

const AMOUNT = 'expected a number from 0';

/** The demands. They may be written as strings, as all parameters of a template are. */
export const HealthCheckInput = v.object(
  {
    minimumFreeMegabytes: v.optional(amount('MiB free in the file system of the agent’s state directory.')),
    minimumAvailableMemoryMegabytes: v.optional(amount('MiB of memory that programs can have without swapping.')),
    maximumLoadPerProcessor: v.optional(amount('Load of the last minute, divided by the number of processors.')),
    services: v.optional(serviceList('Services that must be active.')),
  },
  'expected an object',
);

function amount(description: string) {
  const asNumber = v.pipe(v.number(AMOUNT), v.minValue(0, AMOUNT));
  const asText = v.pipe(v.string(AMOUNT), v.regex(/^\d{1,12}(?:\.\d{1,6})?$/, AMOUNT), v.transform(Number), asNumber);
  return v.pipe(v.union([asNumber, asText], AMOUNT), v.description(description));
}

/** Tells how the device is; fails only for what the document demands. The sample script takes no arguments. */
export function createHealthCheck(settings: HealthCheckSettings): BuiltIn {
  return defineBuiltIn({
    action: 'healthCheck',
    script: 'health-check.sh',
    input: HealthCheckInput,
    fromArguments: () => ({}),
    async run(input, context) {
      const { checkHealth } = await import('./health-report.ts');
      return checkHealth(input, context, settings);
    },
  });
}

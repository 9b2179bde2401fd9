import type { BuiltInContext } from '../step.ts';
import { programSetback, type Setback } from './program-failure.ts';
import type { ServiceManager, ServiceState, ServiceVerb } from './service-manager.ts';

/** Init scripts, through service(8): what a host without systemd has. */
export class InitServices implements ServiceManager {
  readonly #context: BuiltInContext;

  constructor(context: BuiltInContext) {
    this.#context = context;
  }

  async unitOf(service: string): Promise<string> {
    return `${service}.service`;
  }

  async act(verb: ServiceVerb, service: string): Promise<Setback | undefined> {
    return programSetback(`service ${service} ${verb}`, await this.#context.runProgram(['service', service, verb]));
  }

  /** LSB 5.0, "Init Script Actions": 0 is running, 1 to 3 are not, the rest say that it cannot be told. */
  async check(expected: ServiceState, service: string): Promise<string | undefined> {
    const end = await this.#context.runProgram(['service', service, 'status']);
    const status = end.exitCode;
    if (status === null) {
      const setback = programSetback(`service ${service} status`, end);
      return setback?.outcome === 'failed' ? `cannot be examined: ${setback.reason}` : undefined;
    }
    if (status === 0) return expected === 'stopped' ? 'is running' : undefined;
    if (status <= 3) return expected === 'stopped' ? undefined : `is not running (status ${status})`;
    return `does not say whether it runs (status ${status})`;
  }
}

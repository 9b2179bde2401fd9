import type { ProcessEnd } from '../../system/child-process.ts';
import type { BuiltInContext } from '../step.ts';
import { programSetback, type Setback } from './program-failure.ts';
import type { ServiceManager, ServiceState, ServiceVerb } from './service-manager.ts';

const ENVIRONMENT = { LC_ALL: 'C', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '' };

/** systemd, through systemctl(1). */
export class SystemdServices implements ServiceManager {
  readonly #context: BuiltInContext;

  constructor(context: BuiltInContext) {
    this.#context = context;
  }

  async unitOf(service: string): Promise<string> {
    const { Id } = properties(await this.#show(service, ['Id']));
    return Id || (/\.(?:service|socket|timer|path)$/.test(service) ? service : `${service}.service`);
  }

  async act(verb: ServiceVerb, service: string): Promise<Setback | undefined> {
    return programSetback(`systemctl ${verb}`, await this.#systemctl([verb, '--', service]));
  }

  async check(expected: ServiceState, service: string): Promise<string | undefined> {
    const end = await this.#show(service, ['LoadState', 'ActiveState', 'SubState', 'Type', 'Result']);
    const setback = programSetback('systemctl show', end);
    if (setback?.outcome === 'failed') return `cannot be examined: ${setback.reason}`;
    if (setback !== undefined) return undefined;
    const { LoadState, ActiveState = 'unknown', SubState, Type, Result } = properties(end);
    const isInactive = ActiveState === 'inactive';
    // A service that had to be killed is `failed`, and has stopped all the same.
    if (expected === 'stopped') return isInactive || ActiveState === 'failed' ? undefined : `is ${ActiveState}`;
    if (ActiveState === 'active' || ActiveState === 'reloading') return undefined;
    // It has done its work and ended, as a service of this type does: systemd.service(5).
    if (expected === 'started' && isInactive && Type === 'oneshot' && Result === 'success') return undefined;
    if (LoadState === 'not-found') return 'is not known to systemd';
    const more = [SubState, Result].filter((word) => word !== undefined && word !== '' && word !== ActiveState);
    return `is ${ActiveState}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
  }

  async requestRestart(unit: string): Promise<Setback | undefined> {
    return programSetback('systemctl restart', await this.#systemctl(['restart', '--no-block', '--', unit]));
  }

  #show(service: string, names: readonly string[]): Promise<ProcessEnd> {
    return this.#systemctl(['show', ...names.map((name) => `--property=${name}`), '--', service]);
  }

  #systemctl(words: readonly string[]): Promise<ProcessEnd> {
    return this.#context.runProgram(['systemctl', '--no-ask-password', ...words], { environment: ENVIRONMENT });
  }
}

/** Lines of `Name=value`. */
function properties(end: ProcessEnd): Record<string, string> {
  const pairs = end.stdoutTail.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
  return Object.fromEntries(pairs);
}

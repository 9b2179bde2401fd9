import type { Setback } from './program-failure.ts';

export type ServiceVerb = 'start' | 'stop' | 'restart';

/** `started`: active, or of the kind that does its work and ends. */
export type ServiceState = 'active' | 'started' | 'stopped';

/** What starts and stops services on a host. */
export interface ServiceManager {
  /** The name that the host knows the service by, aliases resolved: `ssh` is `ssh.service`, `sshd` perhaps too. */
  unitOf(service: string): Promise<string>;
  /** Undefined when the host reports success. */
  act(verb: ServiceVerb, service: string): Promise<Setback | undefined>;
  /** What is wrong with the service: `is failed (exit-code)`; undefined when it is as expected, or the step was cut off. */
  check(expected: ServiceState, service: string): Promise<string | undefined>;
  /**
   * Asks for a restart of the service that this very process belongs to, to be carried out after the answer. Absent
   * where the restart would be a child of the process that it ends.
   */
  requestRestart?(unit: string): Promise<Setback | undefined>;
}

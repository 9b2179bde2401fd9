/** The agent's configuration, complete: defaults filled in, every value checked. */
export interface AgentConfig {
  readonly thingName: string;
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  /** Absent: Node's bundled roots. */
  readonly rootCaPath?: string | undefined;
  readonly stateDirectory: string;
  readonly mqtt: { readonly protocolVersion: 4 | 5; readonly keepAliveSeconds: number };
  readonly jobs: {
    /** How many executions may run at once. */
    readonly concurrency: number;
    /** Seconds that a running step may go on after SIGTERM before it is cut off. */
    readonly stopGraceSeconds: number;
  };
  readonly handlers: { readonly directory?: string | undefined; readonly plugins: readonly string[] };
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' };
}

/** The option of the simulator that a failed start is about. */
export type StartOption =
  | 'mqttPort'
  | 'httpPort'
  | 'httpsPort'
  | 'dataDirectory'
  | 'broker.url'
  | 'broker.caPath'
  | 'broker.certPath'
  | 'broker.keyPath';

/** The simulator could not start, for a reason that its user can mend. `option` says where to look. */
export class SimulatorStartError extends Error {
  readonly option: StartOption;

  constructor(option: StartOption, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'SimulatorStartError';
    this.option = option;
  }
}

/** Runs one part of the start and puts its failure into words that name the option. */
export async function starting<T>(option: StartOption, what: string, start: () => Promise<T> | T): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw new SimulatorStartError(option, `${what}: ${reason(error)}`, error);
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  switch ('code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return 'the port is in use by another process';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address';
    case 'EACCES':
      return 'permission denied';
    default:
      return error.message;
  }
}

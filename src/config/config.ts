/** The agent's configuration, complete: defaults filled in, every value checked. Paths are absolute. */
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
    /** How often a step may be cut off by an end of the agent that was no stop before the job FAILS. */
    readonly maxInterruptions: number;
    /** Seconds after which a step, a cleanup step or a plug-in is ended that has no `timeoutSeconds` of its own. */
    readonly stepTimeoutSeconds: number;
  };
  readonly handlers: HandlersConfig;
  readonly executionLogs: ExecutionLogsConfig;
  readonly reboot: {
    /** Words of the one command that makes the device start anew; no shell reads them. */
    readonly command: readonly string[];
    /** Words of the one that makes it power off. */
    readonly shutdownCommand: readonly string[];
    /** Seconds after which a device that has not started anew fails the step. */
    readonly deadlineSeconds: number;
    /** The file whose content changes with each start of the device; a container's own, where the kernel's does not. */
    readonly bootIdPath: string;
  };
  readonly download: DownloadConfig;
  /** Attributes of this device that `conditions` of job documents are held against, beside the built-in facts. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly policy: PolicyConfig;
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' };
}

export interface HandlersConfig {
  /** Where `path: "default"` and an empty path find handlers. */
  readonly directory?: string | undefined;
  /** Directories beside it that a document's literal `path` may name; what lies below them is allowed too. */
  readonly allowedDirectories: readonly string[];
  /** Plug-ins: ES modules, asked in this order. */
  readonly plugins: readonly string[];
  /** MiB of heap that a plug-in may take; one that takes more costs its own job. */
  readonly pluginMemoryMegabytes: number;
}

/** The local logs of executions, one file each, under `<stateDirectory>/logs`: bounded by bytes, count and age. */
export interface ExecutionLogsConfig {
  /** KiB that one execution's log may take; what comes after is counted and dropped. */
  readonly maxKilobytesPerExecution: number;
  readonly keepFiles: number;
  /** MiB that all logs may take together. */
  readonly keepMegabytes: number;
  readonly keepDays: number;
}

export interface DownloadConfig {
  /** A public key (PEM, ECDSA or Ed25519): downloads must then carry a valid signature. */
  readonly publicKeyPath?: string | undefined;
  readonly maxMegabytes: number;
  /** Seconds for one download in all. */
  readonly timeoutSeconds: number;
  /** A transfer slower than this many bytes a second, for `lowSpeedSeconds`, is cut and resumed. */
  readonly lowSpeedBytesPerSecond: number;
  readonly lowSpeedSeconds: number;
}

/**
 * The device's last word on what jobs may do. Lists are patterns in which `*` stands for any characters; what an
 * `allow` list does not name, or a `deny` list names, is REJECTED with the rule's name.
 */
export interface PolicyConfig {
  readonly allowHandlers: readonly string[];
  readonly denyHandlers: readonly string[];
  readonly allowCommands: readonly string[];
  readonly denyCommands: readonly string[];
  readonly allowUsers: readonly string[];
  readonly denyUsers: readonly string[];
  readonly allowDownloadHosts: readonly string[];
  readonly denyDownloadHosts: readonly string[];
  /** `http:` URLs too; without it downloads are `https:` only. */
  readonly allowPlainHttp: boolean;
  /** Names of document features that are not taken: `runCommand`, `runHandler`, `runAsUser`, `environment`, … */
  readonly denyFeatures: readonly string[];
}

/** What the device allows and expects of downloads. Times in milliseconds. */
export interface DownloadSettings {
  /** A public key (PEM: ECDSA on P-256 or P-384, or Ed25519): every download must then carry a valid signature. */
  readonly publicKeyPath?: string | undefined;
  readonly maxBytes: number;
  /** For one run of the step in all: waits, retries and the checks after the transfer are counted. */
  readonly timeoutMs: number;
  /** A transfer slower than this, for `lowSpeedMs`, is cut and resumed. */
  readonly lowSpeedBytesPerSecond: number;
  readonly lowSpeedMs: number;
  /** The name of the policy's rule that forbids this host (lower case, no port); undefined when none does. */
  hostDenied(host: string): string | undefined;
  /** `http:` URLs too. */
  readonly allowPlainHttp: boolean;
  /** PEM certificates that servers are checked against; absent: Node's own and those of NODE_EXTRA_CA_CERTS. */
  readonly ca?: string | undefined;
  readonly retry?: RetrySettings | undefined;
  /** How often in a row a fresh URL is asked for before the refusal is believed; default 3. */
  readonly refreshes?: number | undefined;
  /** Bytes after which the part is put on disk for good, so that a power cut costs no more; default 16 MiB. */
  readonly checkpointBytes?: number | undefined;
  /** The built module that writes files as another user; absent: the one beside this. */
  readonly targetProcess?: string | undefined;
}

export interface RetrySettings {
  /** Tries without progress before the download fails. */
  readonly tries: number;
  /** The wait after the first; it doubles up to `capMs`. */
  readonly floorMs: number;
  readonly capMs: number;
}

/** Some ten minutes without progress. */
export const DEFAULT_RETRY: RetrySettings = { tries: 12, floorMs: 1_000, capMs: 120_000 };
export const DEFAULT_REFRESHES = 3;
export const DEFAULT_CHECKPOINT_BYTES = 16 * 1024 * 1024;

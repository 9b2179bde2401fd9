/** What is to be checked of the bytes on disk, beside their SHA-256. */
export interface SignatureCheck {
  /** PEM. */
  readonly publicKey: string;
  /** Base64: DER for ECDSA, 64 bytes for Ed25519. */
  readonly signature: string;
}

export interface FileCheck {
  /** Hexadecimal, lower case. */
  readonly sha256: string;
  readonly bytes: number;
  /** Absent when no signature was to be checked. */
  readonly signatureIsValid?: boolean | undefined;
}

export interface OpenRequest {
  /** Absolute: the file, or a directory. */
  readonly path: string;
  /** The file's name in a directory; `problem` says why the URL gives none. */
  readonly name: { readonly kind: 'name'; readonly name: string } | { readonly kind: 'none'; readonly problem: string };
  /** Part of the part's name: the same whenever this step of this execution is started. */
  readonly id: string;
  /** The part of an earlier start, and how much of it is known to be good. */
  readonly resume?: { readonly part: string; readonly bytes: number } | undefined;
}

export interface OpenTarget {
  /** The file that there will be. */
  readonly file: string;
  /** Where its bytes are until then. */
  readonly part: string;
  /** Of the part that was resumed; undefined: there is none, and the part is new and empty. */
  readonly resumedBytes: number | undefined;
}

/**
 * A file that is to be there whole or not at all: its bytes go to a part beside it, which is renamed at the end. Every
 * method rejects with a DownloadFailure for what is wrong with paths, permissions and space. `open` comes first.
 */
export interface TargetFile {
  open(request: OpenRequest): Promise<OpenTarget>;
  append(chunk: Buffer): Promise<void>;
  /** Back to no bytes. */
  truncate(): Promise<void>;
  /** What was appended survives a power cut when this resolves. */
  sync(): Promise<void>;
  /** Bytes that this user may still write on the target's file system. */
  freeBytes(): Promise<number>;
  /** Reads the part, or the file that is there; undefined when that is no regular file, or others may alter it. */
  check(which: 'part' | 'file', signature?: SignatureCheck): Promise<FileCheck | undefined>;
  /**
   * The part becomes the file, durably. `mode`: its permissions; absent: those that the file before it leaves it, or
   * 0644.
   */
  commit(mode?: number): Promise<void>;
  /** Permissions of the file that is there. */
  setMode(mode: number): Promise<void>;
  /** Removes the part. */
  discard(): Promise<void>;
  /** Lets go of the part, which stays. Never rejects. */
  close(): Promise<void>;
}

import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../errors.ts';
import { DownloadFailure } from './failure.ts';
import { checkFile } from './file-check.ts';
import { canStay, heritageOf } from './heritage.ts';
import { createPart, reopenPart, sweepParts } from './part-file.ts';
import type { FileCheck, OpenRequest, OpenTarget, SignatureCheck, TargetFile } from './target-file.ts';
import { locateTarget, pathFailure } from './target-path.ts';

const DEFAULT_MODE = 0o644;

/** A target that this process writes as the user that it is. */
export class LocalTarget implements TargetFile {
  readonly #signal: AbortSignal;
  #file = '';
  #part = '';
  #handle: FileHandle | undefined;
  #bytes = 0;

  /** @param signal ends the reading of a large file. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async open(request: OpenRequest): Promise<OpenTarget> {
    const { file, part } = await locateTarget(request);
    this.#file = file;
    this.#part = part;
    const { resume } = request;
    return this.#at(part, async () => {
      const isOurs = resume !== undefined && resume.part === part;
      const reopened = isOurs ? await reopenPart(part, resume.bytes) : undefined;
      this.#bytes = reopened === undefined ? 0 : (resume?.bytes ?? 0);
      if (reopened === undefined) await sweepParts(file, part);
      this.#handle = reopened ?? (await createPart(part));
      return { file, part, resumedBytes: reopened === undefined ? undefined : this.#bytes };
    });
  }

  append(chunk: Buffer): Promise<void> {
    return this.#at(this.#part, async () => {
      // One write may take less than all of it (write(2)).
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await this.#opened().write(chunk, done, chunk.length - done, this.#bytes);
        done += bytesWritten;
        this.#bytes += bytesWritten;
      }
    });
  }

  truncate(): Promise<void> {
    this.#bytes = 0;
    return this.#at(this.#part, () => this.#opened().truncate(0));
  }

  sync(): Promise<void> {
    return this.#at(this.#part, () => this.#opened().datasync());
  }

  freeBytes(): Promise<number> {
    return this.#at(this.#part, async () => {
      const { bavail, bsize } = await statfs(dirname(this.#part));
      return bavail * bsize;
    });
  }

  check(which: 'part' | 'file', signature?: SignatureCheck): Promise<FileCheck | undefined> {
    if (which === 'part') {
      return this.#at(this.#part, () => checkFile(this.#opened(), this.#signal, signature));
    }
    return this.#withFile(constants.O_RDONLY, (file) => checkFile(file, this.#signal, signature));
  }

  commit(mode?: number): Promise<void> {
    return this.#at(this.#file, async () => {
      const handle = this.#opened();
      const before = await lstat(this.#file).catch(() => undefined);
      const heritage = before?.isFile() ? heritageOf(before, await this.#directory(), self()) : undefined;
      if (heritage !== undefined && self() === 0) await handle.chown(heritage.uid, heritage.gid);
      await handle.chmod(mode ?? heritage?.mode ?? DEFAULT_MODE);
      // Content before name: after a power cut the name stands for all of the file, or for the one before it.
      await handle.sync();
      await rename(this.#part, this.#file).catch((error: unknown) => {
        if (errorCode(error) !== 'ENOENT') throw error;
        throw new DownloadFailure(`${this.#part} has been removed by somebody else`, error);
      });
      await syncDirectory(dirname(this.#file));
    });
  }

  async setMode(mode: number): Promise<void> {
    await this.#withFile(constants.O_RDONLY, (file) => file.chmod(mode));
  }

  discard(): Promise<void> {
    return this.#at(this.#part, () => (this.#part === '' ? Promise.resolve() : rm(this.#part, { force: true })));
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    // All that counts has been synced before; an error of close(2) changes nothing of that.
    await handle?.close().catch(() => undefined);
  }

  #opened(): FileHandle {
    if (this.#handle === undefined) throw new DownloadFailure('the part is not open');
    return this.#handle;
  }

  #directory(): Promise<Stats> {
    return stat(dirname(this.#file));
  }

  /**
   * Undefined when there is no regular file, or one that others may alter. O_NONBLOCK: a pipe would make us wait for its
   * writer.
   */
  async #withFile<T>(flags: number, work: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
    const { O_NOFOLLOW, O_NONBLOCK } = constants;
    let file: FileHandle;
    try {
      file = await open(this.#file, flags | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (['ENOENT', 'ELOOP', 'EACCES', 'ENXIO'].includes(errorCode(error) ?? '')) return undefined;
      throw pathFailure(error, this.#file);
    }
    try {
      const found = await file.stat();
      const counts = found.isFile() && canStay(found, await this.#directory(), self());
      return counts ? await work(file) : undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw pathFailure(error, this.#file);
    } finally {
      await file.close();
    }
  }

  async #at<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw pathFailure(error, path);
    }
  }
}

/** No user has the number of where there are none. */
function self(): number {
  return process.geteuid?.() ?? -1;
}

/** The name is there by now: a directory that may not be read, or cannot be synced on its file system, undoes nothing. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY).catch(() => undefined);
  try {
    await directory?.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP'].includes(errorCode(error) ?? '')) throw error;
  } finally {
    await directory?.close();
  }
}

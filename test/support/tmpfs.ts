import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own with little room, for root. */
export class Tmpfs {
  readonly path = mkdtempSync(join(tmpdir(), 'tmpfs-'));
  readonly #ballast = join(this.path, 'ballast');

  /** @param options of mount(8): `size=64k,nr_inodes=20`. */
  constructor(options: string) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', this.path]);
  }

  get freeBlocks(): number {
    return statfsSync(this.path).bavail;
  }

  /** Leaves so many blocks of 4 KiB free. */
  fill(freeBlocks: number): void {
    const { bsize } = statfsSync(this.path);
    this.empty();
    writeFileSync(this.#ballast, Buffer.alloc(Math.max(0, this.freeBlocks - freeBlocks) * bsize));
  }

  empty(): void {
    rmSync(this.#ballast, { force: true });
  }

  remount(options: string): void {
    execFileSync('mount', ['-o', `remount,${options}`, this.path]);
  }

  close(): void {
    execFileSync('umount', ['--lazy', this.path]);
    rmSync(this.path, { recursive: true });
  }
}

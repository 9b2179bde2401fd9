import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lackOfRoom } from '../../src/system/free-room.ts';
import { describeWith } from '../support/requirements.ts';
import { Tmpfs } from '../support/tmpfs.ts';

const ROOM = { bytes: 64 * 1024, inodes: 16 };

describe('the room in a directory', () => {
  it('is enough on an ordinary disk', () => {
    const directory = mkdtempSync(join(tmpdir(), 'room-'));
    expect(lackOfRoom(directory, { bytes: 1, inodes: 1 })).toBeUndefined();
    rmSync(directory, { recursive: true });
  });

  it('is none where the directory is not', () => {
    expect(lackOfRoom('/nowhere/at/all', ROOM)).toMatch(/^\/nowhere\/at\/all cannot be written: ENOENT/);
  });
});

describeWith('ROOT', 'the room on a small disk', () => {
  function on(options: string, work: (disk: Tmpfs) => void): void {
    const disk = new Tmpfs(options);
    try {
      work(disk);
    } finally {
      disk.close();
    }
  }

  it('lacks bytes below what is needed', () => {
    on('size=128k', (disk) => {
      disk.fill(16);
      expect(lackOfRoom(disk.path, ROOM)).toBeUndefined();
      disk.fill(15);
      expect(lackOfRoom(disk.path, ROOM)).toMatch(/has only 60 KiB and \d+ inodes free, and 64 KiB and 16 inodes are/);
    });
  });

  it('lacks inodes below what is needed', () => {
    on('size=1m,nr_inodes=20', (disk) => {
      expect(lackOfRoom(disk.path, ROOM)).toBeUndefined();
      for (let index = 0; index < 4; index += 1) writeFileSync(join(disk.path, `file-${index}`), '');
      expect(lackOfRoom(disk.path, ROOM)).toContain('and 15 inodes free');
    });
  });

  it('lacks no inodes where they are not counted', () => {
    on('size=1m,nr_inodes=0', (disk) => expect(lackOfRoom(disk.path, ROOM)).toBeUndefined());
  });

  it('is none on a disk that is read-only, for root too', () => {
    on('size=1m', (disk) => {
      mkdirSync(join(disk.path, 'state'));
      disk.remount('ro');
      expect(lackOfRoom(join(disk.path, 'state'), ROOM)).toMatch(/cannot be written: EROFS/);
    });
  });
});

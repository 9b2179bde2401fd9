/**
 * What SQLite's write-ahead log says of itself. `cut`: its last transaction is not whole; nothing that was acknowledged
 * is known to be missing. `damaged`: something that was acknowledged is.
 */
export type WalVerdict = { readonly kind: 'sound' | 'cut' } | { readonly kind: 'damaged'; readonly why: string };

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

type Sums = readonly [number, number];

/**
 * SQLite reads a log up to the first frame whose checksum is wrong and drops the rest without a word
 * (sqlite.org/fileformat2.html, section 4). After a power cut that is right: the rest was never acknowledged. After
 * damage it is not: whole transactions behind the damage were. The two are told apart by what only comes after an
 * acknowledged commit: a frame that continues the checksum of a commit frame, for a transaction begins after the one
 * before it has been synced.
 *
 * What looks like a cut may be damage to the very last transaction: nobody can tell.
 */
export function inspectWal(bytes: Uint8Array): WalVerdict {
  if (bytes.length === 0) return { kind: 'sound' };
  if (bytes.length < HEADER_BYTES) return { kind: 'cut' };
  const log = new WalReader(bytes);
  if (!log.hasValidHeader) {
    // The header is synced before the first frame is written.
    const isBegun = bytes.subarray(HEADER_BYTES).some((byte) => byte !== 0);
    return isBegun ? { kind: 'damaged', why: 'the header of the write-ahead log' } : { kind: 'cut' };
  }
  let sums = log.headerSums;
  let end = 0;
  let lastCommit = 0;
  while (end < log.frames && log.isOfThisLog(end) && log.continues(end, sums)) {
    sums = log.storedSums(end);
    end += 1;
    if (log.isCommit(end - 1)) lastCommit = end;
  }
  // The checksum is not over the salts: a frame that continues it is of this log, whatever they say.
  if (end < log.frames && log.continues(end, sums)) return damagedAt(end);
  for (let frame = end; frame + 1 < log.frames; frame += 1) {
    if (!log.isCommit(frame) || !log.isOfThisLog(frame + 1)) continue;
    const isFollowed =
      log.continues(frame + 1, log.storedSums(frame)) ||
      (frame === end && log.continues(frame + 1, log.sumsOf(frame, sums)));
    if (isFollowed) return damagedAt(end);
  }
  return { kind: lastCommit === end && !log.isOfThisLog(end) ? 'sound' : 'cut' };
}

function damagedAt(frame: number): WalVerdict {
  return { kind: 'damaged', why: `frame ${frame + 1} of the write-ahead log` };
}

class WalReader {
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly #frameBytes: number;
  /** Whole ones. */
  readonly frames: number;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = (this.#view.getUint32(0) & 1) === 0;
    this.#frameBytes = FRAME_HEADER_BYTES + this.#pageBytes;
    this.frames = this.#isPageSize ? Math.floor((bytes.length - HEADER_BYTES) / this.#frameBytes) : 0;
  }

  get hasValidHeader(): boolean {
    const magic = this.#view.getUint32(0);
    if (magic !== 0x377f0682 && magic !== 0x377f0683) return false;
    if (this.#view.getUint32(4) !== 3_007_000 || !this.#isPageSize) return false;
    return equal(this.#add(0, 24, [0, 0]), this.headerSums);
  }

  get headerSums(): Sums {
    return [this.#view.getUint32(24), this.#view.getUint32(28)];
  }

  /** Frames that an earlier use of the file has left behind it carry other salts. False beyond the end. */
  isOfThisLog(frame: number): boolean {
    const at = this.#at(frame);
    if (at + FRAME_HEADER_BYTES > this.#view.byteLength) return false;
    return (
      this.#view.getUint32(at + 8) === this.#view.getUint32(16) &&
      this.#view.getUint32(at + 12) === this.#view.getUint32(20)
    );
  }

  /** The last frame of a transaction names the size of the database after it. */
  isCommit(frame: number): boolean {
    return this.#view.getUint32(this.#at(frame) + 4) !== 0;
  }

  storedSums(frame: number): Sums {
    const at = this.#at(frame) + 16;
    return [this.#view.getUint32(at), this.#view.getUint32(at + 4)];
  }

  sumsOf(frame: number, before: Sums): Sums {
    const at = this.#at(frame);
    return this.#add(at + FRAME_HEADER_BYTES, this.#pageBytes, this.#add(at, 8, before));
  }

  continues(frame: number, before: Sums): boolean {
    return this.#view.getUint32(this.#at(frame)) !== 0 && equal(this.sumsOf(frame, before), this.storedSums(frame));
  }

  get #pageBytes(): number {
    return this.#view.getUint32(8);
  }

  get #isPageSize(): boolean {
    const size = this.#pageBytes;
    return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
  }

  #at(frame: number): number {
    return HEADER_BYTES + frame * this.#frameBytes;
  }

  /** Fileformat2, section 4.2: two sums over pairs of 32-bit words, in the byte order that the magic names. */
  #add(at: number, length: number, [first, second]: Sums): Sums {
    let s0 = first;
    let s1 = second;
    for (let place = at; place < at + length; place += 8) {
      s0 = (s0 + this.#view.getUint32(place, this.#littleEndian) + s1) >>> 0;
      s1 = (s1 + this.#view.getUint32(place + 4, this.#littleEndian) + s0) >>> 0;
    }
    return [s0, s1];
  }
}

function equal(one: Sums, other: Sums): boolean {
  return one[0] === other[0] && one[1] === other[1];
}

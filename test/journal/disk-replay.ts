import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Files } from './journal-lab.ts';

/** What a process did to the files of one directory, and what it said, in its order. */
export type DiskEvent =
  | { readonly kind: 'create' | 'unlink' | 'sync'; readonly name: string }
  | { readonly kind: 'write'; readonly name: string; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly name: string; readonly size: number }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'syncDirectory' }
  | { readonly kind: 'said'; readonly text: string };

/** The options of strace(1) whose output `readTrace` reads. */
export const TRACE = [
  ...['-y', '-xx', '-s', '1000000'],
  ...['-e', 'trace=openat,open,write,pwrite64,ftruncate,fsync,fdatasync,unlink,rename'],
];

export function readTrace(path: string, directory: string): DiskEvent[] {
  const events: DiskEvent[] = [];
  const files = new Set<string>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const event = readLine(line, directory, files);
    if (event) events.push(event);
  }
  return events;
}

function readLine(line: string, directory: string, files: Set<string>): DiskEvent | undefined {
  const [, call = '', rest = '', result = ''] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(line) ?? [];
  if (result === '' || result.startsWith('-')) return undefined;
  const strings = [...rest.matchAll(/"([^"]*)"/g)].map((match) => decoded(match[1] ?? ''));
  const [, handle = ''] = /^\d+<([^>]*)>/.exec(rest) ?? [];
  const path = handle === '' ? (strings[0]?.toString() ?? '') : decoded(handle).toString();
  if (call === 'write' && rest.startsWith('1<')) return { kind: 'said', text: String(strings[0]) };
  if (path === directory) return call === 'fsync' || call === 'fdatasync' ? { kind: 'syncDirectory' } : undefined;
  if (!path.startsWith(`${directory}/`)) return undefined;
  const name = basename(path);
  switch (call) {
    case 'open':
    case 'openat': {
      if (!rest.includes('O_CREAT') || files.has(name)) return undefined;
      files.add(name);
      return { kind: 'create', name };
    }
    case 'write':
      return { kind: 'write', name, at: 0, bytes: strings[0] ?? Buffer.alloc(0) };
    case 'pwrite64':
      return { kind: 'write', name, at: Number(/(\d+)$/.exec(rest)?.[1]), bytes: strings[0] ?? Buffer.alloc(0) };
    case 'ftruncate':
      return { kind: 'truncate', name, size: Number(/(\d+)$/.exec(rest)?.[1]) };
    case 'unlink':
      files.delete(name);
      return { kind: 'unlink', name };
    case 'rename': {
      const to = basename(String(strings[1]));
      files.delete(name);
      files.add(to);
      return { kind: 'rename', name, to };
    }
    default:
      return { kind: 'sync', name };
  }
}

/** strace shows every byte as `\x41`, but for what it takes from elsewhere. */
function decoded(text: string): Buffer {
  if (!text.includes('\\x')) return Buffer.from(text);
  return Buffer.from(text.replaceAll('\\x', ''), 'hex');
}

/** Whether this piece of a write that nobody has synced has reached the disk when the power went. */
export type Survives = () => boolean;

/** None is ever changed: disks share them. */
interface Content {
  readonly synced: Buffer;
  /** Since the last sync, in their order. */
  readonly unsynced: readonly Extract<DiskEvent, { kind: 'write' | 'truncate' }>[];
}

type Names = ReadonlyMap<string, number>;
type Contents = ReadonlyMap<number, Content>;

/** Disks write a sector as a whole. */
const SECTOR = 512;

const EMPTY: Content = { synced: Buffer.alloc(0), unsynced: [] };

/**
 * A disk that keeps what was synced and of the rest what it likes, in pieces of a sector. Names are journalled, as on
 * ext4: they come to the disk in their order, and up to the last sync of the directory at least.
 */
export class Disk {
  readonly #names: Names;
  readonly #contents: Contents;
  /** What the directory was before each change that is not synced. */
  readonly #earlier: readonly Names[];

  constructor(names: Names = new Map(), contents: Contents = new Map(), earlier: readonly Names[] = []) {
    this.#names = names;
    this.#contents = contents;
    this.#earlier = earlier;
  }

  after(event: DiskEvent): Disk {
    switch (event.kind) {
      case 'create': {
        const id = this.#contents.size;
        const contents = new Map(this.#contents).set(id, EMPTY);
        return new Disk(new Map(this.#names).set(event.name, id), contents, [...this.#earlier, this.#names]);
      }
      case 'unlink':
        return this.#renamed((names) => names.delete(event.name));
      case 'rename':
        return this.#renamed((names) => {
          names.set(event.to, this.#id(event.name));
          names.delete(event.name);
        });
      case 'write':
      case 'truncate':
        return this.#changed(event.name, ({ synced, unsynced }) => ({ synced, unsynced: [...unsynced, event] }));
      case 'sync':
        return this.#changed(event.name, (content) => ({ synced: replay(content, () => true), unsynced: [] }));
      case 'syncDirectory':
        return new Disk(this.#names, this.#contents);
      case 'said':
        return this;
    }
  }

  /** As the next process finds it after the process was killed. */
  get afterKill(): Files {
    return this.#files(this.#names, () => true);
  }

  /** As the next start finds it after the power went. */
  afterPowerLoss(survives: Survives): Files {
    const kept = this.#earlier.findIndex(() => !survives());
    return this.#files(this.#earlier[kept] ?? this.#names, survives);
  }

  #renamed(change: (names: Map<string, number>) => void): Disk {
    const names = new Map(this.#names);
    change(names);
    return new Disk(names, this.#contents, [...this.#earlier, this.#names]);
  }

  #changed(name: string, change: (content: Content) => Content): Disk {
    const id = this.#id(name);
    const contents = new Map(this.#contents).set(id, change(this.#contents.get(id) ?? EMPTY));
    return new Disk(this.#names, contents, this.#earlier);
  }

  #id(name: string): number {
    const id = this.#names.get(name);
    if (id === undefined) throw new Error(`${name} is not there`);
    return id;
  }

  #files(names: Names, survives: Survives): Files {
    const kept = [...names].filter(([name]) => name !== 'agent.lock');
    return new Map(kept.map(([name, id]) => [name, replay(this.#contents.get(id) ?? EMPTY, survives)]));
  }
}

function replay({ synced, unsynced }: Content, survives: Survives): Buffer {
  const ends = unsynced.map((event) => (event.kind === 'write' ? event.at + event.bytes.length : event.size));
  const bytes = Buffer.alloc(Math.max(synced.length, ...ends));
  synced.copy(bytes);
  let size = synced.length;
  for (const event of unsynced) {
    if (event.kind === 'truncate') {
      if (!survives()) continue;
      bytes.fill(0, event.size);
      size = event.size;
      continue;
    }
    for (let from = 0; from < event.bytes.length; ) {
      const at = event.at + from;
      const to = Math.min(event.bytes.length, from + SECTOR - (at % SECTOR));
      if (survives()) {
        event.bytes.copy(bytes, at, from, to);
        size = Math.max(size, event.at + to);
      }
      from = to;
    }
  }
  return bytes.subarray(0, size);
}

import { DatabaseSync, type StatementSync } from 'node:sqlite';

/**
 * The simulator's memory: entities live in maps, and each change is written through to one SQLite file, so that state
 * survives a restart. Durability against power loss is not a goal here: it is a simulator.
 */
export class Store {
  readonly #database: DatabaseSync;
  readonly #collections = new Map<string, Collection<unknown>>();

  /** Opens or creates the file; `:memory:` keeps nothing. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = OFF;
      CREATE TABLE IF NOT EXISTS entities (collection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, id));
    `);
  }

  /** The collection of that name, loaded on first use. The caller names its type once. */
  collection<T>(name: string): Collection<T> {
    const existing = this.#collections.get(name);
    if (existing) return existing as Collection<T>;
    const collection = new Collection<T>(this.#database, name);
    this.#collections.set(name, collection as Collection<unknown>);
    return collection;
  }

  /** Every entity, by collection. */
  dump(): Record<string, unknown[]> {
    return Object.fromEntries([...this.#collections].map(([name, collection]) => [name, [...collection.values()]]));
  }

  /** Empties the collections of these names, or all. */
  clear(names: readonly string[] = [...this.#collections.keys()]): void {
    for (const name of names) this.#collections.get(name)?.clear();
  }

  close(): void {
    this.#database.close();
  }
}

/** One kind of entity by id, in insertion order. Values are treated as immutable: change one by `set`ting a new one. */
export class Collection<T> {
  readonly #entities = new Map<string, T>();
  readonly #name: string;
  // Held for as long as the collection: on Node 22 a statement does not keep its database from being collected.
  readonly #database: DatabaseSync;
  #put: StatementSync | undefined;
  #remove: StatementSync | undefined;

  constructor(database: DatabaseSync, name: string) {
    this.#name = name;
    this.#database = database;
    const rows = database.prepare('SELECT id, body FROM entities WHERE collection = ? ORDER BY rowid').all(name);
    for (const row of rows) this.#entities.set(String(row['id']), JSON.parse(String(row['body'])) as T);
  }

  get(id: string): T | undefined {
    return this.#entities.get(id);
  }

  set(id: string, entity: T): void {
    this.#entities.set(id, entity);
    this.#put ??= this.#database.prepare(
      'INSERT INTO entities (collection, id, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body',
    );
    this.#put.run(this.#name, id, JSON.stringify(entity));
  }

  delete(id: string): void {
    this.#entities.delete(id);
    this.#remove ??= this.#database.prepare('DELETE FROM entities WHERE collection = ? AND id = ?');
    this.#remove.run(this.#name, id);
  }

  clear(): void {
    for (const id of [...this.#entities.keys()]) this.delete(id);
  }

  values(): IterableIterator<T> {
    return this.#entities.values();
  }

  get size(): number {
    return this.#entities.size;
  }
}

/** Entities under a key, each by its id, in the order of their entry. */
export class IndexBy<T> {
  readonly #entries = new Map<string, Map<string, T>>();

  enter(key: string, id: string, entity: T): void {
    const entries = this.#entries.get(key);
    if (entries) entries.set(id, entity);
    else this.#entries.set(key, new Map([[id, entity]]));
  }

  drop(key: string, id: string): void {
    const entries = this.#entries.get(key);
    entries?.delete(id);
    if (entries?.size === 0) this.#entries.delete(key);
  }

  of(key: string): Iterable<T> {
    return this.#entries.get(key)?.values() ?? [];
  }
}

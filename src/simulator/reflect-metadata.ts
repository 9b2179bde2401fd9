/**
 * The part of the Reflect metadata proposal that the dependency injection inside `@peculiar/x509` asks for when it is
 * loaded: it refuses to start without. Installs nothing where another implementation is present.
 */
export function installReflectMetadata(): void {
  if ('getMetadata' in Reflect) return;
  const store = new WeakMap<object, Map<unknown, unknown>>();
  const getOwnMetadata = (key: unknown, target: object): unknown => store.get(target)?.get(key);
  const define = (key: unknown, value: unknown, target: object): void => {
    const entries = store.get(target) ?? new Map<unknown, unknown>();
    entries.set(key, value);
    store.set(target, entries);
  };
  const getMetadata = (key: unknown, target: object): unknown => {
    for (let current: object | null = target; current; current = Object.getPrototypeOf(current)) {
      const entries = store.get(current);
      if (entries?.has(key)) return entries.get(key);
    }
    return undefined;
  };
  Object.assign(Reflect, {
    getMetadata,
    getOwnMetadata,
    hasMetadata: (key: unknown, target: object) => getMetadata(key, target) !== undefined,
    hasOwnMetadata: (key: unknown, target: object) => store.get(target)?.has(key) ?? false,
    defineMetadata: define,
    metadata: (key: unknown, value: unknown) => (target: object) => define(key, value, target),
  });
}

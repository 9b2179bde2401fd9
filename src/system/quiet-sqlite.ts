/**
 * Node 22 prints an ExperimentalWarning when node:sqlite is loaded. It says nothing that a user of the agent could act
 * on: that one warning, and no other, is dropped. Call it before anything that imports node:sqlite.
 */
export function silenceSqliteWarning(): void {
  const emitWarning = process.emitWarning.bind(process);
  const quiet = (...args: Parameters<typeof emitWarning>): void => {
    const [warning] = args;
    if (/SQLite is an experimental feature/.test(String(warning))) return;
    emitWarning(...args);
  };
  Object.assign(process, { emitWarning: quiet });
}

#!/usr/bin/env node
// The executable: argv → command → exit code. Nothing is imported before the Node version is known to be good.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  process.stderr.write(
    `thing-agent needs Node 22.13 or later; this is ${process.versions.node}. Install a newer Node.\n`,
  );
  process.exitCode = 78;
} else {
  // A reader of our output that went away (`thing-agent … | head`) is no fault, and must not take an agent with it.
  process.stdout.on('error', () => process.stdout.destroy());
  const { silenceSqliteWarning } = await import('./system/quiet-sqlite.ts');
  silenceSqliteWarning();
  const { runProgram } = await import('./cli/program.ts');
  await runProgram(process.argv);
  // Whatever is still open must not keep a stopped agent alive; pipes are written asynchronously, so empty them first.
  const flush = (stream: NodeJS.WriteStream): Promise<void> =>
    stream.destroyed ? Promise.resolve() : new Promise((resolve) => void stream.write('', () => resolve()));
  await Promise.all([flush(process.stdout), flush(process.stderr)]);
  process.exit();
}

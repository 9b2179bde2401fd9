// Run before every npm script: the repository pins its own Node through the `node` package.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 13)) {
  console.error(
    'Node ' +
      process.versions.node +
      ' is too old and the pinned one is missing: run `npm ci` (with install scripts allowed) and try again.',
  );
  process.exit(1);
}

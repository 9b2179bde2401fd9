// The rooms of the house and who may know whom. `npm run lint` holds this.
const room = (name) => `^src/${name}/`;
const rule = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });

module.exports = {
  forbidden: [
    rule('no-circles', {}, { circular: true }, 'A circle has no top to read from.'),
    rule(
      'agent-never-knows-simulator',
      { path: '^src/(?!simulator/|cli/simulate\\.ts)' },
      { path: room('simulator') },
      'Agent and simulator meet on the wire.',
    ),
    rule(
      'simulator-knows-jobs-model-only',
      { path: room('simulator') },
      { path: '^src/(?!simulator/|jobs/model\\.ts$)' },
      'The simulator shares only jobs/model with the agent.',
    ),
    rule(
      'jobs-knows-connection-port',
      { path: room('jobs') },
      { path: '^src/(?!jobs/|connection/connection\\.ts$|system/(log|clock)\\.ts$|errors\\.ts$)' },
      'The language of AWS IoT Jobs stands on the connection port alone.',
    ),
    rule(
      'connection-knows-nobody-above',
      { path: room('connection') },
      { path: '^src/(?!connection/|system/|errors\\.ts$)' },
    ),
    rule(
      'journal-knows-nobody-above',
      { path: room('journal') },
      { path: '^src/(?!journal/|jobs/model\\.ts$|system/|errors\\.ts$)' },
    ),
    rule('system-knows-nobody', { path: room('system') }, { path: '^src/(?!system/|errors\\.ts$)' }),
    rule('config-knows-system', { path: room('config') }, { path: '^src/(?!config/|system/|errors\\.ts$)' }),
    rule(
      'handlers-know-system',
      { path: room('handlers') },
      { path: '^src/(?!handlers/|system/|jobs/model\\.ts$|errors\\.ts$)' },
    ),
    rule(
      'execution-knows',
      { path: room('execution') },
      {
        path: '^src/(?!execution/|handlers/|journal/(journal|states|step-record)\\.ts$|jobs/model\\.ts$|system/|errors\\.ts$)',
      },
    ),
    rule(
      'testing-knows',
      { path: room('testing') },
      { path: '^src/(?!testing/|handlers/|execution/|system/|jobs/model\\.ts$|errors\\.ts$)' },
      'What tests a handler runs it as the agent does, with no agent.',
    ),
    rule('nobody-knows-testing', { path: '^src/(?!testing/)' }, { path: room('testing') }),
    rule('agent-is-under-cli', { path: '^src/(?!cli/|main\\.ts$)' }, { path: room('cli') }),
    rule(
      'no-dev-dependency-in-src',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '@types' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};

import fc from 'fast-check';

/** The same documents on every run; a failure prints its seed, and FUZZ_SEED tries others. */
export const FUZZ = { seed: Number(process.env['FUZZ_SEED'] ?? 20_260_105), numRuns: 2000 };

const KEYS = [
  ...['$schema', 'version', 'steps', 'finalStep', 'cleanup', 'conditions', 'includeStdOut', 'timeoutSeconds'],
  ...['operation', 'args', 'path', 'allowStdErr', 'action', 'name', 'type', 'input', 'handler', 'command'],
  ...['runAsUser', 'ignoreStepFailure', 'retry', 'attempts', 'delaySeconds', 'environment', 'workingDirectory'],
  ...['onInterrupted', 'key', 'value', 'url', 'tags', '__proto__', 'constructor', 'toString', 'prototype'],
];

const words = fc.constantFrom('1.0', '', 'true', 'runCommand', 'runHandler', 'fetchFile', 'beep', '5', 'a,b', '\ud800');
const leaf = fc.oneof(words, fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.constant(null));

/** Trees of known keys: nearly documents, and wrong in every way. */
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), tie('tree'), { maxKeys: 6 }),
  ),
}));

/** A value of the right kind most of the time. */
function mostly<T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 20, arbitrary: right }, { weight: 1, arbitrary: fc.oneof(leaf, tree) });
}

const action = fc.record(
  {
    name: mostly(fc.string({ minLength: 1 })),
    type: mostly(fc.constantFrom('runCommand', 'runHandler', 'fetchFile', 'beep')),
    input: mostly(
      fc.record(
        {
          handler: mostly(fc.string()),
          args: mostly(fc.oneof(fc.string(), fc.array(fc.string()))),
          path: mostly(fc.constantFrom('default', '/a', '')),
          command: mostly(fc.oneof(fc.string(), fc.array(fc.string()))),
          url: mostly(fc.webUrl()),
        },
        { requiredKeys: [] },
      ),
    ),
    runAsUser: mostly(fc.constantFrom('root', '')),
    allowStdErr: mostly(fc.nat()),
    ignoreStepFailure: mostly(fc.constantFrom(true, 'true', '')),
    timeoutSeconds: mostly(fc.integer({ min: 1, max: 100 })),
    retry: mostly(fc.record({ attempts: mostly(fc.nat(5)), delaySeconds: mostly(fc.nat(5)) })),
    environment: mostly(fc.dictionary(fc.string(), mostly(fc.string()))),
    onInterrupted: mostly(fc.constantFrom('retry', 'fail', 'skip')),
    pointOfNoReturn: mostly(fc.boolean()),
  },
  { requiredKeys: ['name', 'type', 'input'] },
);
const step = mostly(fc.record({ action: mostly(action) }));

const nearly = fc.record(
  {
    version: mostly(fc.constant('1.0')),
    steps: mostly(fc.array(step, { minLength: 1, maxLength: 4 })),
    finalStep: step,
    cleanup: mostly(fc.array(step, { maxLength: 2 })),
    conditions: mostly(fc.array(mostly(fc.record({ key: fc.string(), value: fc.array(fc.string()) })))),
    operation: mostly(fc.string()),
    args: mostly(fc.array(fc.string())),
  },
  { requiredKeys: [] },
);

/** Whatever JSON can say, and what it cannot. */
export const anyDocument: fc.Arbitrary<unknown> = fc.oneof(nearly, tree, fc.anything(), fc.jsonValue());

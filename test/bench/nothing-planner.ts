import type { Planner } from '../../src/execution/plan.ts';

/** Takes every document for one step in this process that does nothing: what is measured is all the rest. */
export const nothingPlanner: Planner = {
  plan: async () => ({
    kind: 'plan',
    plan: {
      handler: 'nothing',
      cleanup: [],
      steps: [
        {
          name: 'Nothing',
          ignoreFailure: false,
          onInterrupted: 'retry',
          run: async () => ({ outcome: 'succeeded', details: {} }),
        },
      ],
    },
  }),
};

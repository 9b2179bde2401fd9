import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is waited for comes within milliseconds, or on a machine that does much else a good deal later.
    expect: { poll: { timeout: 20_000 } },
    // Two cores are the smallest machine this has to pass on; end-to-end tests start processes of their own.
    maxWorkers: 2,
  },
});

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    setupFiles: ['test/support/umask.ts'],
    // What is waited for comes within milliseconds, or on a machine that does much else a good deal later. What waits
    // inside a test gives up before the test does, and says why.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    // Two cores are the smallest machine this has to pass on; end-to-end tests start processes of their own.
    maxWorkers: 2,
  },
});

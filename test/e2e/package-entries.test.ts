import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** The package by its own name, as those who installed it import it. */
function namesOf(entry: string): string[] {
  const script = `console.log(Object.keys(await import(${JSON.stringify(entry)})).sort().join())`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: ROOT });
  return output.toString().trim().split(',');
}

it('thing-agent/simulator has the simulator and a clock for tests', () => {
  expect(namesOf('thing-agent/simulator')).toEqual(
    expect.arrayContaining(['ACCOUNT_ID', 'MovableClock', 'Simulator', 'SimulatorStartError']),
  );
});

it('thing-agent loads for handler authors', () => {
  expect(namesOf('thing-agent').length).toBeGreaterThan(0);
});

it('thing-agent/testing has the kit that runs handlers in tests', () => {
  expect(namesOf('thing-agent/testing')).toEqual(
    expect.arrayContaining(['runHandler', 'runHandlerFile', 'runProgramHandler']),
  );
});

it('all that the package is to hold is there', () => {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  for (const file of [...files, 'config/handlers', 'docs/handlers.md', 'docs/job-documents.md', 'docs/downloads.md']) {
    expect(existsSync(join(ROOT, file)), file).toBe(true);
  }
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AccountLab, START } from '../support/account-lab.ts';
import { expected, messagesOf, published, seen } from './agreement.ts';
import { command } from './commands.ts';
import { JobsModel } from './jobs-model.ts';
import type { Outcome, Step } from './step.ts';

/** A longer walk: `FC_RUNS=10` walks ten times as far, and may take ten times as long. */
const TIMES = Number(process.env['FC_RUNS'] ?? 1);
const RUNS = 1_000 * TIMES;
const TIME_LIMIT = 25_000 * TIMES;
/**
 * Time between commands, milliseconds. Timers are set in whole minutes, so while all commands together take less than one,
 * no two timers end at the same instant, and nobody has to know in what order they would.
 */
const TICK = 700;
const MOST_COMMANDS = 60;
/** Commands that must often be taken. */
const LEADING = [
  ...['createJob', 'update', 'startNext', 'describe', 'cancelJob', 'deleteJob', 'updateJob', 'associateTargets'],
  ...['cancelJobExecution', 'deleteJobExecution'],
];
/** Every refusal that there is must come. */
const REFUSALS = [
  ...['InvalidRequestException', 'InvalidStateTransitionException', 'ResourceAlreadyExistsException'],
  ...['ResourceNotFoundException', 'TerminalStateException', 'VersionConflictException', 'VersionMismatch'],
];

/** How often each command was accepted, and each refusal given: walks that are refused everywhere prove little. */
const accepted = new Map<string, number>();
const refused = new Map<string, number>();
const asked = new Map<string, number>();

test(
  'states, versions, notifications and counts agree with the model after every command',
  () => {
    fc.assert(fc.property(fc.array(command, { maxLength: MOST_COMMANDS, size: 'max' }), walk), {
      numRuns: RUNS,
      interruptAfterTimeLimit: TIME_LIMIT,
    });
    for (const name of LEADING) {
      expect((accepted.get(name) ?? 0) / (asked.get(name) ?? 1), `accepted share of ${name}`).toBeGreaterThan(0.15);
    }
    expect([...refused.keys()].sort()).toEqual(REFUSALS);
  },
  TIME_LIMIT + 60_000,
);

/** Three things, two of them in a group, and then whatever comes. */
function walk(steps: readonly Step[]): void {
  const lab = new AccountLab();
  const model = new JobsModel(START);
  try {
    lab.things('t1', 't2', 't3');
    for (const name of ['t1', 't2', 't3']) model.registry.createThing(name);
    lab.group('g1', 't1', 't2');
    model.registry.createGroup('g1', undefined);
    for (const name of ['t1', 't2']) model.join(name, 'g1');
    for (const [index, step] of steps.entries()) {
      lab.clock.advance(TICK);
      model.advance(TICK);
      step.prepare(model);
      const outcome = step.perform(lab);
      const wanted = step.expect(model);
      count(step.name, wanted);
      const where = `command ${index + 1}: ${step}`;
      expect(outcome, `outcome of ${where}`).toEqual(wanted);
      expect(published(messagesOf(lab)), `messages of ${where}`).toEqual(published(model.messages.take()));
      expect(seen(lab), `state after ${where}`).toEqual(expected(model));
    }
  } finally {
    lab.account.jobs.stop();
    lab.clock.stop();
    lab.store.close();
  }
}

function count(name: string, { refused: code }: Outcome): void {
  const plus = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  plus(asked, name);
  if (code === undefined) plus(accepted, name);
  else plus(refused, code);
}

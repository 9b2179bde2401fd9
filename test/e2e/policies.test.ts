import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AttachPolicyCommand,
  CreatePolicyCommand,
  DetachPolicyCommand,
  ListAttachedPoliciesCommand,
  ListThingPrincipalsCommand,
} from '@aws-sdk/client-iot';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

interface Statement {
  readonly Effect: string;
  readonly Action: string;
  readonly Resource: readonly string[];
}

/** What config/iot-policy.json promises: with it the agent works, and without any part of it the log says which one. */
const LEAST = JSON.parse(readFileSync(join(import.meta.dirname, '../../config/iot-policy.json'), 'utf8')) as {
  readonly Statement: readonly Statement[];
};
let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => lab.close());

/** Replaces whatever the thing's certificate may do by these statements. */
async function allow(statements: readonly Statement[]): Promise<void> {
  const { principals } = await lab.iot.send(new ListThingPrincipalsCommand({ thingName: 'pi' }));
  const target = principals?.[0];
  const { policies } = await lab.iot.send(new ListAttachedPoliciesCommand({ target }));
  for (const { policyName } of policies ?? []) {
    await lab.iot.send(new DetachPolicyCommand({ policyName, target }));
  }
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  await lab.iot.send(new CreatePolicyCommand({ policyName: 'least', policyDocument }));
  await lab.iot.send(new AttachPolicyCommand({ policyName: 'least', target }));
}

const without = (action: string, part: RegExp) =>
  LEAST.Statement.map((statement) =>
    statement.Action === action
      ? { ...statement, Resource: statement.Resource.filter((resource) => !part.test(resource)) }
      : statement,
  ).filter(({ Resource }) => Resource.length > 0);

it('the least policy is enough for a job from intake to result', async () => {
  await allow(LEAST.Statement);
  await lab.startReadyAgent();
  await lab.createJob('allowed', commands(['true']));
  expect((await lab.outcome('allowed')).status).toBe('SUCCEEDED');
});

it.each([
  ['Connect', 'iot:Connect', /client/, /iot:Connect/],
  ['Subscribe to notify-next', 'iot:Subscribe', /notify-next$/, /jobs\/notify-next/],
  ['Publish on get', 'iot:Publish', /jobs\/get$/, /jobs\/get/],
])('without %s the agent stays, and says what is forbidden', async (_part, action, part, words) => {
  await allow(without(action, part));
  const agent = lab.startAgent();
  await agent.line(
    (line) => ['warn', 'error'].includes(String(line['level'])) && words.test(JSON.stringify(line)),
    String(words),
  );
  expect(agent.child.exitCode).toBeNull();
});

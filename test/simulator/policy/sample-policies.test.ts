// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of policies are written so
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isAllowed } from '../../../src/simulator/policy/policy-evaluator.ts';
import { clientArn, topicArn, topicFilterArn } from '../../../src/simulator/policy/resources.ts';
import { ARN, LAMP, policy } from './policies.ts';

/** `Connect lamp`, `Publish a/b`, … */
function may(document: string, what: string, context = LAMP): boolean {
  const [action = '', name = ''] = what.split(' ');
  const arnOf = { Connect: clientArn, Subscribe: topicFilterArn }[action] ?? topicArn;
  return isAllowed([document], { action: `iot:${action}`, resource: arnOf(ARN, name) }, context);
}

describe('the policy of the jobs sample (aws-iot-device-sdk-js-v2, samples/node/jobs/README.md)', () => {
  const of = (kind: string, ...ends: string[]) => ends.map((end) => `${ARN}:${kind}/$aws/things/t-1/jobs/${end}`);
  const answers = ['notify-next', 'start-next/*', '*/update/*', 'get/*', '*/get/*'];
  const document = policy(
    { Effect: 'Allow', Action: 'iot:Publish', Resource: of('topic', 'start-next', '*/update', '*/get', 'get') },
    { Effect: 'Allow', Action: 'iot:Receive', Resource: of('topic', ...answers) },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: of('topicfilter', ...answers) },
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}:client/test-*` },
  );

  test.each([
    'Connect test-1234',
    'Publish $aws/things/t-1/jobs/start-next',
    'Publish $aws/things/t-1/jobs/get',
    'Publish $aws/things/t-1/jobs/$next/get',
    'Publish $aws/things/t-1/jobs/j-1/update',
    'Subscribe $aws/things/t-1/jobs/notify-next',
    'Subscribe $aws/things/t-1/jobs/start-next/+',
    'Subscribe $aws/things/t-1/jobs/j-1/update/accepted',
    'Receive $aws/things/t-1/jobs/j-1/update/rejected',
    'Receive $aws/things/t-1/jobs/get/accepted',
  ])('allows %s', (what) => {
    expect(may(document, what)).toBe(true);
  });

  test.each([
    'Connect t-1',
    'Publish $aws/things/t-2/jobs/get',
    'Publish $aws/things/t-1/jobs/notify',
    'Subscribe $aws/things/t-1/jobs/notify',
    'Subscribe $aws/things/t-1/jobs/#',
    'Subscribe $aws/things/+/jobs/notify-next',
    'Receive $aws/things/t-1/jobs/notify',
  ])('denies %s', (what) => {
    expect(may(document, what)).toBe(false);
  });
});

describe("the agent's policy (config/iot-policy.json)", () => {
  const document = readFileSync('config/iot-policy.json', 'utf8').replaceAll('arn:aws:iot:*:*', ARN);
  const allowed = [
    'Connect lamp',
    'Publish $aws/things/lamp/jobs/get',
    'Publish $aws/things/lamp/jobs/$next/get',
    'Publish $aws/things/lamp/jobs/j-1/update',
    'Subscribe $aws/things/lamp/jobs/notify',
    'Subscribe $aws/things/lamp/jobs/notify-next',
    'Subscribe $aws/things/lamp/jobs/get/+',
    'Subscribe $aws/things/lamp/jobs/start-next/+',
    'Subscribe $aws/things/lamp/jobs/+/get/+',
    'Subscribe $aws/things/lamp/jobs/+/update/+',
    'Receive $aws/things/lamp/jobs/notify',
    'Receive $aws/things/lamp/jobs/get/accepted',
    'Receive $aws/things/lamp/jobs/j-1/update/rejected',
  ];

  test('has real ARNs here', () => {
    expect(document).toContain(`${ARN}:client/`);
    expect(document).not.toContain(':*:*:');
  });

  test.each(allowed)('allows %s', (what) => {
    expect(may(document, what)).toBe(true);
  });

  test.each(allowed)('denies %s to a certificate that is not attached to the thing', (what) => {
    expect(may(document, what, { ...LAMP, attachedThings: ['fan'] })).toBe(false);
  });

  test.each([
    'Connect fan',
    'Publish $aws/things/fan/jobs/get',
    'Publish a/b',
    'Subscribe $aws/things/lamp/jobs/#',
    'Subscribe $aws/things/+/jobs/notify',
    'Subscribe $aws/things/lamp/jobs/j-1/update/accepted',
    'Receive $aws/things/fan/jobs/notify',
  ])('denies %s', (what) => {
    expect(may(document, what)).toBe(false);
  });
});

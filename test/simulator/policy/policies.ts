import type { PolicyContext, PolicyRequest } from '../../../src/simulator/policy/policy-evaluator.ts';

export const ARN = 'arn:aws:iot:eu-west-1:123456789012';

/** A device as it should be: its client id is its thing's name, and its certificate is attached to it. */
export const LAMP: PolicyContext = { certificateId: 'c0ffee', clientId: 'lamp', attachedThings: ['lamp', 'fan'] };

export function policy(...statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

export function allow(action: string | readonly string[], resource: string | readonly string[], condition?: object) {
  return statement('Allow', action, resource, condition);
}

export function deny(action: string | readonly string[], resource: string | readonly string[], condition?: object) {
  return statement('Deny', action, resource, condition);
}

export function publish(topic: string, conditions?: PolicyRequest['conditions']): PolicyRequest {
  return { action: 'iot:Publish', resource: `${ARN}:topic/${topic}`, conditions };
}

function statement(effect: string, action: unknown, resource: unknown, condition: object | undefined) {
  return { Effect: effect, Action: action, Resource: resource, ...(condition && { Condition: condition }) };
}

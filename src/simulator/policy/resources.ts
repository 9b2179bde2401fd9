/**
 * The ARNs that AWS IoT Core checks its policy actions on (developer guide, "AWS IoT Core action resources"). The prefix
 * is `arn:aws:iot:<region>:<account>`.
 */

/** Of iot:Connect. */
export function clientArn(arnPrefix: string, clientId: string): string {
  return `${arnPrefix}:client/${clientId}`;
}

/** Of iot:Publish, iot:Receive and iot:RetainPublish. Of a will too, in the condition key iot:LastWillTopic. */
export function topicArn(arnPrefix: string, topic: string): string {
  return `${arnPrefix}:topic/${topic}`;
}

/** Of iot:Subscribe. */
export function topicFilterArn(arnPrefix: string, filter: string): string {
  return `${arnPrefix}:topicfilter/${filter}`;
}

/** Of the Jobs actions over HTTPS. */
export function thingArn(arnPrefix: string, thingName: string): string {
  return `${arnPrefix}:thing/${thingName}`;
}

/**
 * What a claim certificate of CreateProvisioningClaim may do: make a certificate and provision with its one template. AWS
 * attaches no policy that could be listed, so this one is not kept but made (developer guide, "Provisioning by trusted
 * user"; the topics: "Fleet provisioning MQTT API").
 */
export function claimPolicy(region: string, accountId: string, templateName: string): string {
  const arn = `arn:aws:iot:${region}:${accountId}`;
  const topics = ['$aws/certificates/create*', `$aws/provisioning-templates/${templateName}/provision/*`];
  const of = (kind: string) => topics.map((topic) => `${arn}:${kind}/${topic}`);
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: of('topic') },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: of('topicfilter') },
    ],
  });
}

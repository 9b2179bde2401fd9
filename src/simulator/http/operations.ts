import type { ServiceName } from '../service-name.ts';

/** One operation of AWS's service models: where it listens. A `{name}` in the path is one percent-encoded segment. */
export interface Operation {
  readonly service: ServiceName;
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

function iot(name: string, method: string, path: string): Operation {
  return { service: 'iot', name, method, path };
}

function jobsData(name: string, method: string, path: string): Operation {
  return { service: 'iot-jobs-data', name, method, path };
}

/** The operations that the simulator knows by name (service models `iot` and `iot-jobs-data`), simulated or not. */
export const OPERATIONS: readonly Operation[] = [
  iot('CreateJob', 'PUT', '/jobs/{jobId}'),
  iot('DescribeJob', 'GET', '/jobs/{jobId}'),
  iot('UpdateJob', 'PATCH', '/jobs/{jobId}'),
  iot('CancelJob', 'PUT', '/jobs/{jobId}/cancel'),
  iot('DeleteJob', 'DELETE', '/jobs/{jobId}'),
  iot('GetJobDocument', 'GET', '/jobs/{jobId}/job-document'),
  iot('ListJobs', 'GET', '/jobs'),
  iot('AssociateTargetsWithJob', 'POST', '/jobs/{jobId}/targets'),
  iot('ListJobExecutionsForJob', 'GET', '/jobs/{jobId}/things'),
  iot('ListJobExecutionsForThing', 'GET', '/things/{thingName}/jobs'),
  iot('DescribeJobExecution', 'GET', '/things/{thingName}/jobs/{jobId}'),
  iot('CancelJobExecution', 'PUT', '/things/{thingName}/jobs/{jobId}/cancel'),
  iot('DeleteJobExecution', 'DELETE', '/things/{thingName}/jobs/{jobId}/executionNumber/{executionNumber}'),
  iot('CreateJobTemplate', 'PUT', '/job-templates/{jobTemplateId}'),
  iot('DescribeJobTemplate', 'GET', '/job-templates/{jobTemplateId}'),
  iot('DeleteJobTemplate', 'DELETE', '/job-templates/{jobTemplateId}'),
  iot('ListJobTemplates', 'GET', '/job-templates'),
  iot('DescribeManagedJobTemplate', 'GET', '/managed-job-templates/{templateName}'),
  iot('ListManagedJobTemplates', 'GET', '/managed-job-templates'),
  iot('CreateThing', 'POST', '/things/{thingName}'),
  iot('DescribeThing', 'GET', '/things/{thingName}'),
  iot('UpdateThing', 'PATCH', '/things/{thingName}'),
  iot('DeleteThing', 'DELETE', '/things/{thingName}'),
  iot('ListThings', 'GET', '/things'),
  iot('RegisterThing', 'POST', '/things'),
  iot('CreateThingGroup', 'POST', '/thing-groups/{thingGroupName}'),
  iot('DescribeThingGroup', 'GET', '/thing-groups/{thingGroupName}'),
  iot('UpdateThingGroup', 'PATCH', '/thing-groups/{thingGroupName}'),
  iot('UpdateThingGroupsForThing', 'PUT', '/thing-groups/updateThingGroupsForThing'),
  iot('DeleteThingGroup', 'DELETE', '/thing-groups/{thingGroupName}'),
  iot('ListThingGroups', 'GET', '/thing-groups'),
  iot('AddThingToThingGroup', 'PUT', '/thing-groups/addThingToThingGroup'),
  iot('RemoveThingFromThingGroup', 'PUT', '/thing-groups/removeThingFromThingGroup'),
  iot('ListThingsInThingGroup', 'GET', '/thing-groups/{thingGroupName}/things'),
  iot('ListThingGroupsForThing', 'GET', '/things/{thingName}/thing-groups'),
  iot('CreateKeysAndCertificate', 'POST', '/keys-and-certificate'),
  iot('CreateCertificateFromCsr', 'POST', '/certificates'),
  iot('RegisterCertificate', 'POST', '/certificate/register'),
  iot('RegisterCertificateWithoutCA', 'POST', '/certificate/register-no-ca'),
  iot('DescribeCertificate', 'GET', '/certificates/{certificateId}'),
  iot('UpdateCertificate', 'PUT', '/certificates/{certificateId}'),
  iot('DeleteCertificate', 'DELETE', '/certificates/{certificateId}'),
  iot('ListCertificates', 'GET', '/certificates'),
  iot('CreatePolicy', 'POST', '/policies/{policyName}'),
  iot('GetPolicy', 'GET', '/policies/{policyName}'),
  iot('DeletePolicy', 'DELETE', '/policies/{policyName}'),
  iot('AttachPolicy', 'PUT', '/target-policies/{policyName}'),
  iot('DetachPolicy', 'POST', '/target-policies/{policyName}'),
  iot('ListAttachedPolicies', 'POST', '/attached-policies/{target}'),
  iot('AttachThingPrincipal', 'PUT', '/things/{thingName}/principals'),
  iot('DetachThingPrincipal', 'DELETE', '/things/{thingName}/principals'),
  iot('ListThingPrincipals', 'GET', '/things/{thingName}/principals'),
  iot('ListPrincipalThings', 'GET', '/principals/things'),
  iot('CreateProvisioningTemplate', 'POST', '/provisioning-templates'),
  iot('DescribeProvisioningTemplate', 'GET', '/provisioning-templates/{templateName}'),
  iot('ListProvisioningTemplates', 'GET', '/provisioning-templates'),
  iot('DeleteProvisioningTemplate', 'DELETE', '/provisioning-templates/{templateName}'),
  iot('CreateProvisioningTemplateVersion', 'POST', '/provisioning-templates/{templateName}/versions'),
  iot('CreateProvisioningClaim', 'POST', '/provisioning-templates/{templateName}/provisioning-claim'),
  iot('CreateStream', 'POST', '/streams/{streamId}'),
  iot('DescribeStream', 'GET', '/streams/{streamId}'),
  iot('UpdateStream', 'PUT', '/streams/{streamId}'),
  iot('DeleteStream', 'DELETE', '/streams/{streamId}'),
  iot('ListStreams', 'GET', '/streams'),
  iot('DescribeEndpoint', 'GET', '/endpoint'),
  iot('DescribeEventConfigurations', 'GET', '/event-configurations'),
  iot('UpdateEventConfigurations', 'PATCH', '/event-configurations'),
  iot('TagResource', 'POST', '/tags'),
  iot('ListTagsForResource', 'GET', '/tags'),
  jobsData('GetPendingJobExecutions', 'GET', '/things/{thingName}/jobs'),
  jobsData('StartNextPendingJobExecution', 'PUT', '/things/{thingName}/jobs/$next'),
  jobsData('DescribeJobExecution', 'GET', '/things/{thingName}/jobs/{jobId}'),
  jobsData('UpdateJobExecution', 'POST', '/things/{thingName}/jobs/{jobId}'),
];

import type { JobExecution } from '../../jobs/model.ts';
import type { JobsService } from '../jobs/jobs-service.ts';
import { ServiceError } from '../service-error.ts';
import { flag, type Handlers, param, wholeNumber } from './call.ts';

/** The jobs operations of the control plane (scope `iot`). */
export function jobsOperations(jobs: JobsService): Handlers {
  return {
    CreateJob: (call) => jobs.createJob(param(call, 'jobId'), call.body),
    DescribeJob: (call) => jobs.describeJob(param(call, 'jobId')),
    ListJobs: (call) => jobs.listJobs(call.query),
    GetJobDocument: (call) => jobs.getJobDocument(param(call, 'jobId')),
    CancelJob: (call) =>
      jobs.cancelJob(param(call, 'jobId'), {
        force: flag(call, 'force'),
        reasonCode: optionalString(call.body['reasonCode'], 'reasonCode'),
        comment: optionalString(call.body['comment'], 'comment'),
      }),
    DeleteJob: (call) => jobs.deleteJob(param(call, 'jobId'), { force: flag(call, 'force') }),
    ListJobExecutionsForJob: (call) => jobs.listJobExecutionsForJob(param(call, 'jobId'), call.query),
    ListJobExecutionsForThing: (call) => jobs.listJobExecutionsForThing(param(call, 'thingName'), call.query),
    DescribeJobExecution: (call) =>
      jobs.describeExecution(param(call, 'thingName'), param(call, 'jobId'), wholeNumber(call, 'executionNumber')),
    CancelJobExecution: (call) =>
      jobs.cancelJobExecution(param(call, 'thingName'), param(call, 'jobId'), {
        force: flag(call, 'force'),
        expectedVersion: call.body['expectedVersion'],
        statusDetails: call.body['statusDetails'],
      }),
  };
}

/** The device's own view of its jobs (scope `iot-jobs-data`, or the HTTPS port). */
export function deviceOperations(jobs: JobsService): Handlers {
  return {
    GetPendingJobExecutions: (call) => jobs.getPendingJobExecutions(param(call, 'thingName')),
    StartNextPendingJobExecution: (call) => {
      const thingName = param(call, 'thingName');
      return withHttpExecution(thingName, jobs.startNextPendingJobExecution(thingName, call.body));
    },
    DescribeJobExecution: (call) => {
      const thingName = param(call, 'thingName');
      const executionNumber = wholeNumber(call, 'executionNumber');
      const request = {
        includeJobDocument: flag(call, 'includeJobDocument', true),
        ...(executionNumber !== undefined && { executionNumber }),
      };
      return withHttpExecution(thingName, jobs.describeJobExecution(thingName, param(call, 'jobId'), request));
    },
    UpdateJobExecution: (call) => {
      const answer = jobs.updateJobExecution(param(call, 'thingName'), param(call, 'jobId'), call.body);
      return { ...answer, ...('jobDocument' in answer && { jobDocument: JSON.stringify(answer.jobDocument) }) };
    },
  };
}

/** Over HTTP an execution names its thing and carries its document as a string (docs/protocol.md, HTTP). */
function withHttpExecution(thingName: string, answer: { readonly execution?: JobExecution | undefined }): unknown {
  const { execution } = answer;
  if (!execution) return {};
  const { jobDocument, ...rest } = execution;
  return {
    execution: { thingName, ...rest, ...(jobDocument !== undefined && { jobDocument: JSON.stringify(jobDocument) }) },
  };
}

function optionalString(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw new ServiceError('InvalidRequestException', `${name}: expected a string, got ${JSON.stringify(value)}`);
}

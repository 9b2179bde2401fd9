import type { JobExecution } from '../../jobs/model.ts';
import type { JobsService } from '../jobs/jobs-service.ts';
import { known } from '../jobs/validation.ts';
import { ServiceError } from '../service-error.ts';
import { type Call, flag, type Handlers, param, wholeNumber } from './call.ts';

/** The jobs operations of the control plane (scope `iot`). */
export function jobsOperations({ jobs, executions }: JobsService): Handlers {
  return {
    CreateJob: (call) => jobs.create(param(call, 'jobId'), call.body),
    DescribeJob: (call) => jobs.describe(param(call, 'jobId'), flag(call, 'beforeSubstitution')),
    UpdateJob: (call) => jobs.update(param(call, 'jobId'), call.body),
    ListJobs: (call) => jobs.list(call.query),
    GetJobDocument: (call) => jobs.document(param(call, 'jobId'), flag(call, 'beforeSubstitution')),
    CancelJob: (call) => jobs.cancel(param(call, 'jobId'), flag(call, 'force'), call.body),
    DeleteJob: (call) => jobs.delete(param(call, 'jobId'), flag(call, 'force')),
    AssociateTargetsWithJob: (call) => jobs.associateTargets(param(call, 'jobId'), call.body),
    ListJobExecutionsForJob: (call) => executions.listForJob(param(call, 'jobId'), call.query),
    ListJobExecutionsForThing: (call) => executions.listForThing(param(call, 'thingName'), call.query),
    DescribeJobExecution: (call) =>
      executions.describe(param(call, 'thingName'), param(call, 'jobId'), wholeNumber(call, 'executionNumber')),
    CancelJobExecution: (call) =>
      executions.cancel(param(call, 'thingName'), param(call, 'jobId'), {
        force: flag(call, 'force'),
        ...known(call.body, ['expectedVersion', 'statusDetails']),
      }),
    DeleteJobExecution: (call) =>
      executions.delete(param(call, 'thingName'), param(call, 'jobId'), executionNumberOf(call), flag(call, 'force')),
  };
}

/** The device's own view of its jobs (scope `iot-jobs-data`, or the HTTPS port). */
export function deviceOperations({ devices }: JobsService): Handlers {
  return {
    GetPendingJobExecutions: (call) => devices.getPending(param(call, 'thingName')),
    StartNextPendingJobExecution: (call) => {
      const thingName = param(call, 'thingName');
      return withHttpExecution(thingName, devices.startNext(thingName, call.body));
    },
    DescribeJobExecution: (call) => {
      const thingName = param(call, 'thingName');
      const executionNumber = wholeNumber(call, 'executionNumber');
      const request = {
        includeJobDocument: flag(call, 'includeJobDocument', true),
        ...(executionNumber !== undefined && { executionNumber }),
      };
      const namespaceId = call.query['namespaceId'];
      return withHttpExecution(thingName, devices.describe(thingName, param(call, 'jobId'), request, namespaceId));
    },
    UpdateJobExecution: (call) => {
      const answer = devices.update(param(call, 'thingName'), param(call, 'jobId'), call.body);
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

function executionNumberOf(call: Call): number {
  const value = param(call, 'executionNumber');
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new ServiceError(
    'InvalidRequestException',
    `executionNumber: expected a whole number, got ${JSON.stringify(value)}`,
  );
}

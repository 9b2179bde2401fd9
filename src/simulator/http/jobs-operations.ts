import type { JobExecution } from '../../jobs/model.ts';
import type { JobsService } from '../jobs/jobs-service.ts';
import { known } from '../jobs/validation.ts';
import { ServiceError } from '../service-error.ts';
import { type Call, flag, type Handler, type Handlers, PAGE, param, wholeNumber } from './call.ts';
import { checkQuery } from './checked-operation.ts';

/** The jobs operations of the control plane (scope `iot`). */
export function jobsOperations({ jobs, executions }: JobsService): Handlers {
  /** An operation of one job, which may be named with its namespace. */
  const ofJob = (query: readonly string[], handle: (jobId: string, call: Call) => unknown): Handler =>
    accepting(query, (call) => {
      const jobId = param(call, 'jobId');
      jobs.checkNamespace(jobId, call.query['namespaceId']);
      return handle(jobId, call);
    });
  return {
    CreateJob: accepting([], (call) => jobs.create(param(call, 'jobId'), call.body)),
    DescribeJob: ofJob(['beforeSubstitution'], (jobId, call) => jobs.describe(jobId, flag(call, 'beforeSubstitution'))),
    UpdateJob: ofJob(['namespaceId'], (jobId, { body }) => jobs.update(jobId, body)),
    ListJobs: accepting(
      [...PAGE, 'status', 'targetSelection', 'thingGroupName', 'thingGroupId', 'namespaceId'],
      ({ query }) => jobs.list(query),
    ),
    GetJobDocument: ofJob(['beforeSubstitution'], (jobId, call) =>
      jobs.document(jobId, flag(call, 'beforeSubstitution')),
    ),
    CancelJob: ofJob(['force'], (jobId, call) => jobs.cancel(jobId, flag(call, 'force'), call.body)),
    DeleteJob: ofJob(['force', 'namespaceId'], (jobId, call) => jobs.delete(jobId, flag(call, 'force'))),
    AssociateTargetsWithJob: ofJob(['namespaceId'], (jobId, { body }) => jobs.associateTargets(jobId, body)),
    ListJobExecutionsForJob: ofJob([...PAGE, 'status'], (jobId, { query }) => executions.listForJob(jobId, query)),
    ListJobExecutionsForThing: accepting([...PAGE, 'status', 'namespaceId', 'jobId'], (call) =>
      executions.listForThing(param(call, 'thingName'), call.query),
    ),
    DescribeJobExecution: ofJob(['executionNumber'], (jobId, call) =>
      executions.describe(param(call, 'thingName'), jobId, wholeNumber(call, 'executionNumber')),
    ),
    CancelJobExecution: ofJob(['force'], (jobId, call) =>
      executions.cancel(param(call, 'thingName'), jobId, {
        force: flag(call, 'force'),
        ...known(call.body, ['expectedVersion', 'statusDetails']),
      }),
    ),
    DeleteJobExecution: ofJob(['force', 'namespaceId'], (jobId, call) =>
      executions.delete(param(call, 'thingName'), jobId, executionNumberOf(call), flag(call, 'force')),
    ),
  };
}

/** A query parameter that is not known would be ignored, so it is refused by name. */
function accepting(query: readonly string[], handle: Handler): Handler {
  return (call) => {
    checkQuery(call, query);
    return handle(call);
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

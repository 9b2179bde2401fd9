import type { JobTemplates } from '../jobs/templates/job-templates.ts';
import { type Handlers, param } from './call.ts';

/** The job templates of the control plane (scope `iot`). */
export function jobTemplateOperations(templates: JobTemplates): Handlers {
  return {
    CreateJobTemplate: (call) => templates.create(param(call, 'jobTemplateId'), call.body),
    DescribeJobTemplate: (call) => templates.describe(param(call, 'jobTemplateId')),
    DeleteJobTemplate: (call) => templates.delete(param(call, 'jobTemplateId')),
    ListJobTemplates: (call) => templates.list(call.query),
    DescribeManagedJobTemplate: (call) =>
      templates.managed.describe(param(call, 'templateName'), call.query['templateVersion']),
    ListManagedJobTemplates: (call) => templates.managed.list(call.query),
  };
}

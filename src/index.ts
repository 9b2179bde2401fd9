/** What handler authors and embedders import. */
export type { AgentConfig } from './config/config.ts';
export {
  type Details,
  defineHandler,
  type Job,
  type JobContext,
  type JobHandler,
  type JobResult,
  type StandardSchema,
} from './handlers/contract.ts';

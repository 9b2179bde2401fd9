/** What handler authors and embedders import. */
export type { AgentConfig } from './config/config.ts';
export { defineHandler, type Job, type JobContext, type JobHandler, type JobResult } from './handlers/contract.ts';

/** What test code of others imports, as `thing-agent/simulator` (docs/simulator.md). */
export type { Decisions } from './decisions.ts';
export type { FaultOrder, FaultRule } from './faults/fault-rule.ts';
export type { OrderedFault } from './faults/faults.ts';
export type { LogEntry } from './messages/message-log.ts';
export { MovableClock } from './movable-clock.ts';
export { ServiceError } from './service-error.ts';
export { ACCOUNT_ID, Simulator, type SimulatorAddresses, type SimulatorOptions } from './simulator.ts';
export { SimulatorStartError } from './start-error.ts';

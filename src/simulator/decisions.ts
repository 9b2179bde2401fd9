/**
 * What no source says, or what sources disagree about (docs/protocol.md, Choices): one place for each, with the
 * reading that we take by default, so that a reading that turns out wrong is one line to change, and can be changed for a
 * test while the simulator runs.
 */
export interface Decisions {
  /** May a device go from IN_PROGRESS to REJECTED? AWS's Device Client does; a pull request of Greengrass denies it. */
  readonly rejectWhileInProgress: boolean;
  /** May a device set CANCELED? A sample of AWS's JS SDK offers it; the guide lists four statuses without it. */
  readonly deviceMayCancel: boolean;
  /** What an update of an ended execution is refused with over MQTT: the guide says the first, an emulator the second. */
  readonly endedUpdateCode: 'InvalidStateTransition' | 'TerminalStateReached';
  /** Is a queued execution deleted without force? The guide says so, the model lists ended ones only. */
  readonly deleteQueuedExecution: boolean;
  /** What becomes of the pending executions of a deleted thing: REMOVED without a notification, or nothing at all. */
  readonly deletedThing: 'REMOVED' | 'KEPT';
  /** Does start-next on a running execution set its step timer anew? Unknown. */
  readonly restartStepTimer: boolean;
  /** The unit of createdAt, lastUpdatedAt and completedAt in events: examples have 13 digits, as others of the guide that proved wrong. */
  readonly eventTimes: 'seconds' | 'milliseconds';
  /** Who is sent an answer: the guide says the requester alone; older emulators send it to every subscriber. */
  readonly answers: 'requester' | 'subscribers';
  /** How long a job stays DELETION_IN_PROGRESS, in seconds: with AWS it depends on the number of its executions. */
  readonly deletionSeconds: number;
}

export const DEFAULT_DECISIONS: Decisions = {
  rejectWhileInProgress: true,
  deviceMayCancel: false,
  endedUpdateCode: 'InvalidStateTransition',
  deleteQueuedExecution: true,
  deletedThing: 'REMOVED',
  restartStepTimer: false,
  eventTimes: 'seconds',
  answers: 'requester',
  deletionSeconds: 0,
};

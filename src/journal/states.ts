/**
 * The states of an execution on this device and what may happen in each: one table, which the journal obeys. What an
 * end of the agent means in a state stands beside it, for that is why the state is on disk at all.
 */
export const STATES = {
  queued: {
    meaning: 'named by the service, not yet claimed here',
    afterCrash: 'asked about again and claimed',
    on: { claim: 'claimed', finish: 'finished' },
  },
  claimed: {
    meaning: 'the service has accepted IN_PROGRESS; no step runs, the next one is due',
    afterCrash: 'goes on with that step',
    on: { start: 'running', conclude: 'cleaning', finish: 'finished', forget: 'settled' },
  },
  running: {
    meaning: 'a step has started, and its end is not on disk',
    afterCrash: 'interrupted: the step’s onInterrupted decides, and the interruption counts',
    on: {
      start: 'running',
      finishStep: 'claimed',
      failTry: 'claimed',
      stop: 'stopped',
      defer: 'waiting',
      reboot: 'rebooting',
      skip: 'claimed',
      conclude: 'cleaning',
      finish: 'finished',
      forget: 'settled',
    },
  },
  stopped: {
    meaning: 'the agent was stopped as asked amid a step, which was cut off',
    afterCrash: 'the step’s onInterrupted decides',
    on: {
      start: 'running',
      finishStep: 'claimed',
      skip: 'claimed',
      conclude: 'cleaning',
      finish: 'finished',
      forget: 'settled',
    },
  },
  waiting: {
    meaning: 'the step has asked to be run again later',
    afterCrash: 'runs that step again',
    on: { start: 'running', conclude: 'cleaning', finish: 'finished', forget: 'settled' },
  },
  rebooting: {
    meaning: 'the step has asked for the device to start anew; the boot id of then is noted',
    afterCrash: 'with another boot id the step runs again and is told; with the same one the reboot is asked for again',
    on: {
      start: 'running',
      reboot: 'rebooting',
      finishStep: 'claimed',
      conclude: 'cleaning',
      finish: 'finished',
      forget: 'settled',
    },
  },
  cleaning: {
    meaning: 'the outcome is known; the cleanup steps run',
    afterCrash: 'goes on with the cleanup step that had not finished',
    on: {
      start: 'cleaning',
      finishStep: 'cleaning',
      failTry: 'cleaning',
      skip: 'cleaning',
      stop: 'cleaning',
      finish: 'finished',
      forget: 'settled',
    },
  },
  finished: {
    meaning: 'the result waits in the outbox for the service’s acknowledgement',
    afterCrash: 'is sent (again)',
    on: { finish: 'finished', settle: 'settled' },
  },
  settled: {
    meaning:
      'the service has acknowledged the result, or says that it no longer wants the execution; kept, so that it never runs twice',
    afterCrash: 'nothing; where the service has it IN_PROGRESS all the same, its result is sent again, or FAILED',
    on: { reopen: 'finished' },
  },
} as const satisfies Record<string, StateRow>;

interface StateRow {
  readonly meaning: string;
  readonly afterCrash: string;
  readonly on: Readonly<Partial<Record<StateEvent, string>>>;
}

export type ExecutionState = keyof typeof STATES;

/** What happens to an execution. Deletion is no event: what has not begun and is forgotten has no state any more. */
export type StateEvent =
  | 'claim'
  | 'start'
  | 'finishStep'
  | 'failTry'
  | 'stop'
  | 'defer'
  | 'reboot'
  | 'skip'
  | 'conclude'
  | 'finish'
  | 'settle'
  /** The service no longer wants what has begun here. */
  | 'forget'
  /** The service had no more of it, and has it IN_PROGRESS. */
  | 'reopen';

/** The states of an execution that is ours to finish: the service has it IN_PROGRESS. */
export const LIVE_STATES = ['claimed', 'running', 'stopped', 'waiting', 'rebooting', 'cleaning'] as const;
export type LiveState = (typeof LIVE_STATES)[number];

/** Undefined when that cannot happen in that state. */
export function nextState(state: ExecutionState, event: StateEvent): ExecutionState | undefined {
  const on: Readonly<Partial<Record<StateEvent, ExecutionState>>> = STATES[state].on;
  return on[event];
}

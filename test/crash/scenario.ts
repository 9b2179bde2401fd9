/** What one run of a step's program does. */
export type Deed =
  | 'ok'
  | 'fail'
  /** Exit code 21. */
  | 'later'
  /** Exit code 194. */
  | 'reboot'
  /** KILLs the agent amid the step, and ends. */
  | 'kill'
  /** TERMs the agent, which cuts the step off. */
  | 'stop'
  /** Goes on until it is ended. */
  | 'hang'
  /** Has its own job cancelled at the service, and goes on until it is ended. */
  | 'cancel'
  /** The same, but ends well when the job is cancelled. */
  | 'cancelled'
  /** Saves its progress and ends well; one that finds progress says so, and one that cannot save any. Of a plug-in. */
  | 'save';

/** What the reboot command does. */
export type RebootDeed =
  /** The device starts anew. */
  | 'boots'
  /** Only the agent dies. */
  | 'bounces'
  | 'refuses'
  /** It says that all is well, and no more. */
  | 'nothing';

export interface StepSpec {
  readonly name: string;
  /** What its runs do, in turn; the last for ever. */
  readonly runs: readonly [Deed, ...Deed[]];
  readonly onInterrupted?: 'retry' | 'fail' | 'skip';
  readonly retries?: number;
  readonly ignoreFailure?: boolean;
  readonly timeoutSeconds?: number;
  readonly pointOfNoReturn?: boolean;
}

/** A fault at a write of the journal. */
export interface Strike {
  /**
   * Which write: `claim`, `start@0`, `cleanup finishStep@1` (steps count from 0), whatever state it comes from;
   * `recordList` and `recordOne` of what names the job.
   */
  readonly point: string;
  /** From its how-manieth occurrence on, from 1. */
  readonly occurrence: number;
  readonly times: number;
  /**
   * `before`: nothing is on disk; `after`: all of it; the agent is dead then. `error`: the write throws, as on a full
   * disk. `impossible`: it throws that such a thing cannot happen, as with a defect of the agent. `denied`: it is made,
   * and settled as if the service denied the execution; the agent is dead then, and the service has it IN_PROGRESS.
   */
  readonly kind: 'before' | 'after' | 'error' | 'impossible' | 'denied';
}

export interface Scenario {
  readonly title: string;
  readonly steps: readonly [StepSpec, ...StepSpec[]];
  /** The last of the steps is the document's `finalStep`. */
  readonly hasFinalStep?: boolean;
  readonly cleanup?: readonly StepSpec[];
  readonly timeoutSeconds?: number;
  /** What the reboot command does, in turn; the last for ever. */
  readonly reboots?: readonly [RebootDeed, ...RebootDeed[]];
  /** The document is for a plug-in, and the one step is the plug-in’s. */
  readonly isForPlugin?: boolean;
  /** The document is not valid. */
  readonly isInvalid?: boolean;
  /** What happens while the agent is dead for the first time. */
  readonly afterFirstDeath?: 'cancelled' | 'forbidden';
  /** Faults that belong to it. */
  readonly history?: readonly Strike[];
}

/** How often a step may be interrupted here (`jobs.maxInterruptions`): each more is another start of an agent. */
export const MOST_INTERRUPTIONS = 2;
/** How often a step may ask for a reboot. */
export const MOST_REBOOTS = 3;
/** What stands for ever: more often than any cap, so that what has none goes on when it ends. */
export const FOR_EVER = 4;

type Changes = Omit<Partial<StepSpec>, 'name' | 'runs'>;

const ok = (name: string, changes: Changes = {}): StepSpec => ({ name, runs: ['ok'], ...changes });
const does = (name: string, runs: StepSpec['runs'], changes: Changes = {}): StepSpec => ({ name, runs, ...changes });
const struck = (kind: 'before' | 'after' | 'denied', point: string): Strike => ({
  point,
  occurrence: 1,
  times: 1,
  kind,
});

/** Plans, and what happens to them by itself. Each is then struck at each of its writes. */
export const SCENARIOS: readonly [Scenario, ...Scenario[]] = [
  { title: 'two steps', steps: [ok('a'), ok('b')] },
  {
    title: 'two steps that fail when interrupted',
    steps: [ok('a', { onInterrupted: 'fail' }), ok('b', { onInterrupted: 'fail' })],
  },
  {
    title: 'two steps that are skipped when interrupted',
    steps: [ok('a', { onInterrupted: 'skip' }), ok('b', { onInterrupted: 'skip' })],
  },
  { title: 'a step and a finalStep, with cleanup', steps: [ok('a'), ok('f')], hasFinalStep: true, cleanup: [ok('x')] },
  { title: 'a failure, with two steps of cleanup', steps: [does('a', ['fail']), ok('b')], cleanup: [ok('x'), ok('y')] },
  { title: 'a failure that is ignored', steps: [does('a', ['fail'], { ignoreFailure: true }), ok('b')] },
  { title: 'a success after a retry', steps: [does('a', ['fail', 'ok'], { retries: 1 }), ok('b')] },
  { title: 'retries in vain', steps: [does('a', ['fail'], { retries: 1 })], cleanup: [ok('x')] },
  { title: 'a step that asks to be run again later', steps: [does('a', ['later', 'ok']), ok('b')] },
  { title: 'a step that takes too long', steps: [does('a', ['hang'], { timeoutSeconds: 2 })] },
  {
    title: 'a document that takes too long',
    steps: [does('a', ['hang'], { retries: 1 }), ok('b')],
    timeoutSeconds: 2,
  },

  { title: 'a step that takes the agent down', steps: [does('a', ['kill', 'ok']), ok('b')] },
  {
    title: 'a step that takes the agent down and is skipped, with cleanup',
    steps: [does('a', ['kill'], { onInterrupted: 'skip' })],
    cleanup: [ok('x')],
  },
  {
    title: 'a last step that takes the agent down and is skipped',
    steps: [ok('a'), does('b', ['kill'], { onInterrupted: 'skip' })],
  },
  {
    title: 'a step that takes the agent down and fails, with cleanup',
    steps: [does('a', ['kill'], { onInterrupted: 'fail' }), ok('b')],
    cleanup: [ok('x')],
  },
  {
    title: 'a failure by interruption that is ignored',
    steps: [does('a', ['kill'], { onInterrupted: 'fail', ignoreFailure: true }), ok('b')],
  },
  { title: 'cleanup that takes the agent down', steps: [ok('a')], cleanup: [does('x', ['kill', 'ok']), ok('y')] },
  {
    title: 'cleanup that takes the agent down and is skipped',
    steps: [ok('a')],
    cleanup: [does('x', ['kill'], { onInterrupted: 'skip' }), ok('y')],
  },
  {
    title: 'last cleanup that takes the agent down and fails',
    steps: [ok('a')],
    cleanup: [ok('x'), does('y', ['kill'], { onInterrupted: 'fail' })],
  },
  {
    title: 'cleanup with a retry',
    steps: [ok('a')],
    cleanup: [does('x', ['fail', 'ok'], { retries: 1, onInterrupted: 'skip' }), ok('y')],
  },

  { title: 'a stop of the agent', steps: [does('a', ['stop', 'ok']), ok('b')] },
  {
    title: 'a stop of the agent amid what is then skipped',
    steps: [does('a', ['stop'], { onInterrupted: 'skip' }), ok('b')],
  },
  {
    title: 'a stop of the agent amid what then fails',
    steps: [does('a', ['stop'], { onInterrupted: 'fail' })],
  },
  {
    title: 'a stop of the agent amid what then fails, with cleanup',
    steps: [does('a', ['stop'], { onInterrupted: 'fail' })],
    cleanup: [ok('x')],
  },
  {
    title: 'a stop of the agent amid what then fails and is ignored',
    steps: [does('a', ['stop'], { onInterrupted: 'fail', ignoreFailure: true }), ok('b')],
  },
  { title: 'a stop of the agent amid cleanup', steps: [ok('a')], cleanup: [does('x', ['stop', 'ok']), ok('y')] },
  {
    title: 'a stop of the agent amid cleanup that is then skipped',
    steps: [ok('a')],
    cleanup: [does('x', ['stop'], { onInterrupted: 'skip' }), ok('y')],
  },

  { title: 'a reboot', steps: [does('a', ['reboot', 'ok']), ok('b')], reboots: ['boots'] },
  {
    title: 'a reboot that at first restarts only the agent',
    steps: [does('a', ['reboot', 'ok'])],
    reboots: ['bounces', 'boots'],
  },
  { title: 'a reboot that is refused', steps: [does('a', ['reboot'])], reboots: ['refuses'] },
  {
    title: 'a reboot that does not come, with cleanup',
    steps: [does('a', ['reboot'])],
    cleanup: [ok('x')],
    reboots: ['nothing'],
  },
  {
    title: 'a reboot that is refused and ignored',
    steps: [does('a', ['reboot'], { ignoreFailure: true }), ok('b')],
    reboots: ['refuses'],
  },

  { title: 'a cancellation', steps: [does('a', ['cancel']), ok('b')] },
  { title: 'a cancellation, with cleanup', steps: [does('a', ['cancel']), ok('b')], cleanup: [ok('x'), ok('y')] },
  {
    title: 'a cancellation past the point of no return',
    steps: [does('a', ['cancelled'], { pointOfNoReturn: true }), ok('b')],
  },
  {
    title: 'a cancellation while the agent is dead and a step waits',
    steps: [does('a', ['later', 'ok'])],
    cleanup: [ok('x')],
    history: [struck('after', 'defer@0')],
    afterFirstDeath: 'cancelled',
  },
  ...(
    [
      ['has been claimed', 'ok', 'claim'],
      ['a step was stopped', 'stop', 'stop@0'],
      ['a step waits and nothing cleans up', 'later', 'defer@0'],
      ['a reboot is due', 'reboot', 'reboot@0'],
    ] as const
  ).map(
    ([what, deed, point]): Scenario => ({
      title: `a cancellation while the agent is dead and ${what}`,
      steps: [does('a', [deed, 'ok'])],
      history: [struck('after', point)],
      afterFirstDeath: 'cancelled',
    }),
  ),
  {
    title: 'a result that the service denies, and then lists as IN_PROGRESS',
    steps: [ok('a')],
    history: [struck('denied', 'finish')],
  },

  { title: 'a plug-in that saves its progress', steps: [does('saver', ['save'])], isForPlugin: true },

  { title: 'a document that is not valid', steps: [ok('a')], isInvalid: true },
  {
    title: 'a document that is forbidden when its claim was accepted and not noted',
    steps: [ok('a')],
    history: [struck('before', 'claim')],
    afterFirstDeath: 'forbidden',
  },
  {
    title: 'a document that is forbidden when it was claimed',
    steps: [ok('a')],
    history: [struck('after', 'claim')],
    afterFirstDeath: 'forbidden',
  },
  {
    title: 'a document that is forbidden while a step waits',
    steps: [does('a', ['later', 'ok'])],
    history: [struck('after', 'defer@0')],
    afterFirstDeath: 'forbidden',
  },
];

/** Too long to be struck at every write of theirs: each ends by a cap of its own. */
export const LOOPS: readonly Scenario[] = [
  { title: 'a step that takes the agent down each time', steps: [does('a', ['kill']), ok('b')], cleanup: [ok('x')] },
  { title: 'cleanup that takes the agent down each time', steps: [ok('a')], cleanup: [does('x', ['kill']), ok('y')] },
  { title: 'a step that asks for a reboot each time', steps: [does('a', ['reboot'])], reboots: ['boots'] },
  {
    title: 'a reboot that only ever restarts the agent',
    steps: [does('a', ['reboot']), ok('b')],
    cleanup: [ok('x')],
    reboots: ['bounces'],
  },
];

import { ServiceError } from '../../src/simulator/service-error.ts';
import type { AccountLab } from '../support/account-lab.ts';
import type { JobsModel } from './jobs-model.ts';
import { Refusal } from './records.ts';

/** What a command came to: the answer, or the code of the refusal and the state that goes with it. */
export interface Outcome {
  readonly accepted?: unknown;
  readonly refused?: string;
  readonly executionState?: unknown;
}

/** One command: what it does to the simulator, and what it does to the model. */
export class Step {
  readonly #text: string;
  readonly #lab: (lab: AccountLab) => unknown;
  readonly #model: (model: JobsModel) => unknown;

  constructor(text: string, lab: (lab: AccountLab) => unknown, model: (model: JobsModel) => unknown) {
    this.#text = text;
    this.#lab = lab;
    this.#model = model;
  }

  /** The command's own word, with which its text begins. */
  get name(): string {
    return this.#text.split(' ')[0] ?? '';
  }

  /** Looks at what there is before the command is given: only a `ChosenStep` has to. */
  prepare(_model: JobsModel): void {
    // It says by itself what it is about.
  }

  perform(lab: AccountLab): Outcome {
    return outcome(() => this.#lab(lab));
  }

  expect(model: JobsModel): Outcome {
    return outcome(() => this.#model(model));
  }

  /** fast-check prints a failing sequence with it. */
  toString(): string {
    return `\n  ${this.#text}`;
  }
}

/** A command about something that is there when its turn comes, if anything is. */
export class ChosenStep extends Step {
  readonly #choose: (model: JobsModel) => Step | undefined;
  #chosen: Step | undefined;

  constructor(name: string, choose: (model: JobsModel) => Step | undefined) {
    super(`${name} (of nothing)`, nothing, nothing);
    this.#choose = choose;
  }

  override prepare(model: JobsModel): void {
    this.#chosen = this.#choose(model);
  }

  override perform(lab: AccountLab): Outcome {
    return this.#chosen ? this.#chosen.perform(lab) : super.perform(lab);
  }

  override expect(model: JobsModel): Outcome {
    return this.#chosen ? this.#chosen.expect(model) : super.expect(model);
  }

  override toString(): string {
    return this.#chosen ? String(this.#chosen) : super.toString();
  }
}

function nothing(): undefined {
  return undefined;
}

function outcome(act: () => unknown): Outcome {
  try {
    return { accepted: act() };
  } catch (error) {
    if (!(error instanceof ServiceError) && !(error instanceof Refusal)) throw error;
    return { refused: error.code, executionState: error.executionState };
  }
}

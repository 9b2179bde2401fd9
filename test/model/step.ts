import { ServiceError } from '../../src/simulator/service-error.ts';
import type { AccountLab } from '../support/account-lab.ts';
import type { JobsModel } from './jobs-model.ts';
import { Refusal } from './records.ts';

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

  perform(lab: AccountLab): unknown {
    return outcome(() => this.#lab(lab));
  }

  expect(model: JobsModel): unknown {
    return outcome(() => this.#model(model));
  }

  /** fast-check prints a failing sequence with it. */
  toString(): string {
    return `\n  ${this.#text}`;
  }
}

/** The answer, or the code of the refusal and the state that goes with it. */
function outcome(act: () => unknown): unknown {
  try {
    return { accepted: act() };
  } catch (error) {
    if (!(error instanceof ServiceError) && !(error instanceof Refusal)) throw error;
    return { refused: error.code, executionState: error.executionState };
  }
}

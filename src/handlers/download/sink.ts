import type { Validator } from './validator.ts';

/** Where a transfer puts what it gets, and what is there already. */
export interface Sink {
  readonly bytes: number;
  /** Of the whole file; undefined until a server has said it, or the end has come. */
  readonly total: number | undefined;
  readonly validator: Validator | undefined;
  /** An answer begins: at 0, which drops what is there, or at `bytes`. */
  begin(start: number, total: number | undefined, validator: Validator | undefined): Promise<void>;
  append(chunk: Buffer): Promise<void>;
  /** An answer of unknown length has ended as it should: what is there is all. */
  end(): void;
}

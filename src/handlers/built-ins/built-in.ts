import type * as v from 'valibot';
import type { BuiltInContext, StepResult } from '../step.ts';

/**
 * Work that the agent does itself. A document reaches it as an action of our own (`type: "installPackages"` with a typed
 * input), or by the name that AWS's managed templates give its script (`handler: "install-packages.sh"` with arguments)
 * where the handler directory has no file of that name.
 */
export interface BuiltIn<Schema extends v.GenericSchema = v.GenericSchema> {
  /** The action's `type`. */
  readonly action: string;
  /** The script that it stands in for. */
  readonly script: string;
  /** The typed input: parsed when the document is, and the source of the published JSON Schema. */
  readonly input: Schema;
  /** The script's arguments (without the user) as that input, not yet checked. */
  fromArguments(args: readonly string[]): unknown;
  /** Never rejects for what its work did: that is a StepResult. */
  run(input: v.InferOutput<Schema>, context: BuiltInContext): Promise<StepResult>;
}

/** Keeps the types of a built-in's input and work together. */
export function defineBuiltIn<Schema extends v.GenericSchema>(builtIn: BuiltIn<Schema>): BuiltIn<Schema> {
  return builtIn;
}

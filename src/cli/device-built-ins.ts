import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { createBuiltIns } from '../handlers/built-ins/registry.ts';

/** The built-ins as documents see them: for their names and the schemas of their inputs. None of them is run. */
export function deviceBuiltIns(): readonly BuiltIn[] {
  return createBuiltIns();
}

import type { BuiltIn } from './built-in.ts';

/** Everything that the agent can do itself, by action and by script. */
export function createBuiltIns(): readonly BuiltIn[] {
  return [];
}

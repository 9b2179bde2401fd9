import { isMet } from './conditions.ts';
import type { PolicyContext, PolicyRequest } from './policy-request.ts';
import { parsePolicy, type Statement } from './policy-statement.ts';
import { lookUp, valueFor } from './policy-variables.ts';
import { codePoints, matches, resolvePattern } from './wildcard-pattern.ts';

export type { PolicyContext, PolicyRequest };

/** As TestAuthorization names them (AWS IoT API reference, AuthResult, authDecision). */
export type AuthDecision = 'ALLOWED' | 'EXPLICIT_DENY' | 'IMPLICIT_DENY';

/** So many documents of 2 KiB at most are kept in parsed form. */
const MOST_DOCUMENTS = 10_000;

/**
 * Decides by policy documents, each a JSON text: "By default, all policies are implicitly denied. An explicit allow […]
 * overrides the default behavior. An explicit deny in any policy overrides any allows" (AWS IoT developer guide, "AWS IoT
 * Core policies"). Keeps what it has parsed: a broker asks for every message.
 */
export class PolicyEvaluator {
  readonly #parsed = new Map<string, readonly Statement[]>();

  isAllowed(documents: readonly string[], request: PolicyRequest, context: PolicyContext): boolean {
    return this.decide(documents, request, context) === 'ALLOWED';
  }

  decide(documents: readonly string[], request: PolicyRequest, context: PolicyContext): AuthDecision {
    const applies = statementMatcher(request, context);
    let decision: AuthDecision = 'IMPLICIT_DENY';
    for (const document of documents) {
      for (const statement of this.#statements(document)) {
        if (decision === 'ALLOWED' && statement.effect === 'Allow') continue;
        if (!applies(statement)) continue;
        if (statement.effect === 'Deny') return 'EXPLICIT_DENY';
        decision = 'ALLOWED';
      }
    }
    return decision;
  }

  #statements(document: string): readonly Statement[] {
    const known = this.#parsed.get(document);
    if (known) return known;
    // Documents that nobody has any more go with the rest.
    if (this.#parsed.size >= MOST_DOCUMENTS) this.#parsed.clear();
    const statements = parsePolicy(document);
    this.#parsed.set(document, statements);
    return statements;
  }
}

/** One decision that keeps nothing. */
export function isAllowed(documents: readonly string[], request: PolicyRequest, context: PolicyContext): boolean {
  return new PolicyEvaluator().isAllowed(documents, request, context);
}

function statementMatcher(request: PolicyRequest, context: PolicyContext): (statement: Statement) => boolean {
  const action = codePoints(request.action.toLowerCase());
  const resource = codePoints(request.resource);
  const looked = (key: string) => lookUp(key, request, context);
  const value = (variable: string) => valueFor(variable, request, context);
  return ({ effect, actions, resources, conditions }) => {
    if (actions && !actions.some((pattern) => matches(pattern, action))) return false;
    // A variable without value leaves its text in the document (developer guide, X.509 certificate policy variables,
    // limitations), where it matches nothing: in a Deny neither.
    const names = resources?.some((pattern) => {
      const units = resolvePattern(pattern, value);
      return units !== undefined && matches(units, resource);
    });
    if (names === false) return false;
    return conditions.every((condition) => isMet(condition, effect === 'Deny', looked, value));
  };
}

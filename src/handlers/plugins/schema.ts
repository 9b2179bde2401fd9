import type { StandardIssue, StandardSchema } from '../contract.ts';

export type Validated<Document> =
  | { readonly kind: 'valid'; readonly document: Document }
  /** Never empty. */
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** Problems told of one document: the cloud takes 1,024 characters of them. */
const MAX_PROBLEMS = 20;

/** Holds a document against a plug-in's schema. Rejects only when the schema itself throws. */
export async function validateDocument<Document>(
  schema: StandardSchema<Document>,
  document: unknown,
): Promise<Validated<Document>> {
  const result = await schema['~standard'].validate(document);
  // Standard Schema 1.0: a result without issues is a success.
  if (result.issues === undefined) return { kind: 'valid', document: result.value };
  const problems = result.issues.slice(0, MAX_PROBLEMS).map(problem);
  const more = result.issues.length - problems.length;
  if (more > 0) problems.push(`and ${more} more`);
  return { kind: 'invalid', problems: problems.length === 0 ? ['the document: not valid'] : problems };
}

/** `resize.sizes[2].width: expected a number`. */
function problem({ message, path = [] }: StandardIssue): string {
  const steps = path.map((step) => (typeof step === 'object' ? step.key : step));
  const text = steps.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return `${text.replace(/^\./, '') || 'the document'}: ${message}`;
}

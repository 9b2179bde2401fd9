import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { type DeviceAttributes, unmetConditions } from './conditions.ts';
import type { DocumentParser } from './document-parser.ts';
import { type Problem, problemText, reasonOf } from './document-problems.ts';
import type { JobDocument } from './job-document.ts';
import { type Policy, policyProblems } from './policy.ts';
import { withStandIns } from './stand-ins.ts';

export type DocumentVerdict =
  | { readonly kind: 'accepted'; readonly document: JobDocument; readonly warnings: readonly Problem[] }
  | {
      readonly kind: 'rejected';
      /** For the cloud: everything that is wrong, or as much of it as a status detail takes. */
      readonly reason: string;
      readonly problems: readonly Problem[];
      readonly warnings: readonly Problem[];
    };

export interface Judge {
  readonly parse: DocumentParser;
  readonly builtIns: readonly BuiltIn[];
  /** Absent: conditions are not asked about. */
  readonly attributes?: DeviceAttributes | undefined;
  /** Absent: no policy. */
  readonly policy?: Policy | undefined;
}

/** Whether a device takes a document: what it means, what the device must be, what the device forbids. */
export function judgeDocument(document: unknown, judge: Judge): DocumentVerdict {
  const { parse, builtIns, attributes, policy } = judge;
  const parsed = parse(document);
  if (parsed.kind === 'invalid') return rejected(parsed.problems, parsed.warnings);
  const phrases = [
    ...(attributes ? unmetConditions(parsed.document.conditions, attributes) : []),
    ...(policy ? policyProblems(parsed.document, policy, builtIns) : []),
  ];
  if (phrases.length > 0) {
    return rejected(
      phrases.map((message) => ({ path: '', message })),
      parsed.warnings,
    );
  }
  return { kind: 'accepted', document: parsed.document, warnings: parsed.warnings };
}

/**
 * The same for a device with this handler directory, which says what scripts it has of its own: built-ins stand in for
 * others, and their arguments must then be good.
 */
export async function judgeForDevice(
  document: unknown,
  judge: Judge,
  handlersDirectory: string | undefined,
): Promise<DocumentVerdict> {
  const verdict = judgeDocument(document, judge);
  if (verdict.kind === 'rejected') return verdict;
  const completed = await withStandIns(verdict.document, judge.builtIns, handlersDirectory);
  if (completed.kind === 'invalid') return rejected(completed.problems, verdict.warnings);
  return { ...verdict, document: completed.document };
}

function rejected(problems: readonly Problem[], warnings: readonly Problem[]): DocumentVerdict {
  return { kind: 'rejected', reason: reasonOf(problems.map(problemText)), problems, warnings };
}

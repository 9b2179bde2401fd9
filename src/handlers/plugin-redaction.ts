import type { StatusDetails } from '../jobs/model.ts';
import { redact } from '../system/redaction.ts';
import type { Acceptance } from './contract.ts';
import type { StepResult } from './step.ts';

/** Details without secrets: the cloud sees them. */
export function publicDetails(details: StatusDetails): StatusDetails {
  return Object.fromEntries(Object.entries(redact(details)).map(([key, value]) => [key, String(value)]));
}

export function publicResult(result: StepResult): StepResult {
  switch (result.outcome) {
    case 'succeeded':
      return { ...result, details: publicDetails(result.details) };
    case 'failed':
      return { ...result, reason: publicText(result.reason), details: publicDetails(result.details) };
    case 'deferred':
      return { ...result, reason: publicText(result.reason) };
    case 'interrupted':
    case 'reboot':
      return result;
  }
}

export function publicAcceptance(acceptance: Acceptance): Acceptance {
  if (acceptance.kind === 'invalid') return { ...acceptance, problems: acceptance.problems.map(publicText) };
  if (acceptance.kind === 'declined' && acceptance.why !== undefined) {
    return { ...acceptance, why: publicText(acceptance.why) };
  }
  return acceptance;
}

function publicText(text: string): string {
  return String(redact({ text })['text']);
}

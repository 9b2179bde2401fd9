import type { StatusDetails } from '../../jobs/model.ts';
import { redact, redactText } from '../../system/redaction.ts';
import type { Acceptance } from '../contract.ts';
import type { StepResult } from '../step.ts';

/** Details without secrets: the cloud sees them. */
export function publicDetails(details: StatusDetails): StatusDetails {
  return Object.fromEntries(Object.entries(redact(details)).map(([key, value]) => [key, String(value)]));
}

export function publicResult(result: StepResult): StepResult {
  switch (result.outcome) {
    case 'succeeded':
      return { ...result, details: publicDetails(result.details) };
    case 'failed':
      return { ...result, reason: redactText(result.reason), details: publicDetails(result.details) };
    case 'deferred':
      return { ...result, reason: redactText(result.reason) };
    case 'interrupted':
    case 'reboot':
      return result;
  }
}

export function publicAcceptance(acceptance: Acceptance): Acceptance {
  if (acceptance.kind === 'invalid')
    return { ...acceptance, problems: acceptance.problems.map((problem) => redactText(problem)) };
  if (acceptance.kind === 'declined' && acceptance.why !== undefined) {
    return { ...acceptance, why: redactText(acceptance.why) };
  }
  return acceptance;
}

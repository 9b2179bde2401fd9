import type { CertificateAuthority } from '../certificate-authority.ts';
import type { Registry } from '../registry/registry.ts';

/** What the control plane's registry operations work on. */
export interface ControlPlane {
  readonly registry: Registry;
  readonly authority: CertificateAuthority;
  /** `host:port` for an endpoint type; undefined for a type that is not simulated. */
  endpoint(type: string): string | undefined;
  /** Whether there is a job or job template of this ARN, for its tags. Absent: whoever asks is believed. */
  jobResourceExists?(arn: string): boolean;
}

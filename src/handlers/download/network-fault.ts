import { errorCode, errorMessage } from '../../errors.ts';

const PHRASES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at the server',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'the host name cannot be resolved',
  EAI_AGAIN: 'the host name cannot be resolved at present',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the server does not answer',
};

/** A fault of the network in words; `cures`: whether time may mend it. */
export function networkFault(error: unknown): { readonly reason: string; readonly cures: boolean } {
  const code = errorCode(error) ?? faultOfFirst(error) ?? '';
  if (isCertificateFault(code)) {
    // A device without a clock of its own starts in the past.
    // What follows is advice about Node's own options.
    const [said = ''] = errorMessage(error).split(';');
    const cures = code === 'CERT_NOT_YET_VALID';
    return { reason: `the server's certificate is not accepted (${code}: ${said})`, cures };
  }
  if (code.startsWith('HPE_')) return { reason: `the server's answer is no HTTP (${code})`, cures: true };
  const phrase = PHRASES[code];
  return { reason: phrase === undefined ? errorMessage(error) : `${phrase} (${code})`, cures: true };
}

/** Several addresses were tried (RFC 8305) and each failed. */
function faultOfFirst(error: unknown): string | undefined {
  return error instanceof AggregateError ? errorCode(error.errors[0]) : undefined;
}

/** Node's documentation of TLS, "X509 certificate error codes". */
function isCertificateFault(code: string): boolean {
  return /^(ERR_TLS_CERT|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH)/.test(
    code,
  );
}

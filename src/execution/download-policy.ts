import { posix } from 'node:path';
import * as v from 'valibot';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { quoted } from '../system/problem-text.ts';
import { fits } from '../system/wildcard.ts';
import type { Work } from './job-document.ts';

/**
 * The name of the rule that denies downloads from this host, or undefined when it is allowed: `policy.denyDownloadHosts
 * "*.example.com"`. Patterns and host are compared in lower case, without a port, and without a dot at the end.
 *
 * @param host as `URL.hostname` has it: a name in its ASCII form, or an address.
 */
export function hostAllowed(
  host: string,
  policy: { readonly allowDownloadHosts: readonly string[]; readonly denyDownloadHosts: readonly string[] },
): string | undefined {
  const name = plainHost(host);
  const names = (pattern: string) => fits(name, plainHost(pattern));
  const denying = policy.denyDownloadHosts.find(names);
  if (denying !== undefined) return `policy.denyDownloadHosts ${quoted(denying)}`;
  return policy.allowDownloadHosts.some(names) ? undefined : 'policy.allowDownloadHosts';
}

/** RFC 1034 3.1: a dot at the end means the root and changes nothing. RFC 3986 3.2.2: brackets are around IPv6 only. */
function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}

/**
 * Where a step downloads from, when a built-in does: the `url` of its input, or of what its script's arguments come to.
 * A handler of the same name on the disk gets the same answer. Undefined: no download, or no URL.
 */
export function downloadUrl(work: Work, builtIns: readonly BuiltIn[]): URL | undefined {
  const input = inputOf(work, builtIns);
  const url: unknown = typeof input === 'object' && input !== null && 'url' in input ? input.url : undefined;
  return typeof url === 'string' ? (URL.parse(url) ?? undefined) : undefined;
}

function inputOf(work: Work, builtIns: readonly BuiltIn[]): unknown {
  if (work.type === 'builtIn') return work.input;
  if (work.type === 'runCommand') return undefined;
  const script = posix.basename(posix.normalize(work.handler));
  const builtIn = builtIns.find((one) => one.script === script);
  return builtIn && v.safeParse(builtIn.input, builtIn.fromArguments(work.args)).output;
}

import { posix } from 'node:path';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { quoted } from '../system/problem-text.ts';
import { fits } from '../system/wildcard.ts';
import { firstUse } from './document-features.ts';
import { downloadUrl, hostAllowed } from './download-policy.ts';
import type { DocumentStep, JobDocument } from './job-document.ts';

/** The device's last word, as its configuration has it (config.ts, PolicyConfig). */
export interface Policy {
  readonly allowHandlers: readonly string[];
  readonly denyHandlers: readonly string[];
  readonly allowCommands: readonly string[];
  readonly denyCommands: readonly string[];
  readonly allowUsers: readonly string[];
  readonly denyUsers: readonly string[];
  readonly allowDownloadHosts: readonly string[];
  readonly denyDownloadHosts: readonly string[];
  readonly allowPlainHttp: boolean;
  readonly denyFeatures: readonly string[];
}

/**
 * Why the device does not take a document: one phrase for each rule that forbids a step, with the rule's name:
 * `policy.denyCommands "rm *" forbids steps[0].action: command "rm"`. Empty: nothing forbids it.
 *
 * What the patterns are held against stands in docs/job-documents.md, and in the functions below.
 */
export function policyProblems(document: JobDocument, policy: Policy, builtIns: readonly BuiltIn[]): string[] {
  const steps = [...document.steps, ...document.cleanup];
  return [
    ...features(document, policy),
    ...steps.flatMap((step) => [
      ...handler(step, policy),
      ...command(step, policy),
      ...user(step, policy),
      ...download(step, policy, builtIns),
    ]),
  ];
}

function features(document: JobDocument, policy: Policy): string[] {
  return policy.denyFeatures.flatMap((feature) => {
    const step = firstUse(feature, document);
    return step ? [`policy.denyFeatures ${quoted(feature)} forbids ${step.path}`] : [];
  });
}

/**
 * The file name of a handler, whether or not there is such a file: a script that a built-in stands in for is a handler
 * like others, and the built-in's own action is that script by another name. A directory before the name counts for
 * nothing here: `handlers.directory` and `handlers.allowedDirectories` say which there may be.
 */
function handler({ path, work }: DocumentStep, policy: Policy): string[] {
  if (work.type === 'runCommand') return [];
  const name = work.type === 'builtIn' ? work.builtIn.script : posix.basename(posix.normalize(work.handler));
  const lists = [policy.allowHandlers, policy.denyHandlers] as const;
  return judged('Handlers', lists, name, [name], `${path}: handler ${quoted(name)}`);
}

/**
 * The words of a command, joined by single spaces. To an allow list the first is what the document has, without `//` and
 * `/./`, for `/tmp/apt-get` is not `apt-get`; one with `..` may lead anywhere (through a symbolic link, even where it
 * does not seem to) and is allowed by `*` alone. A deny list is also held against its shortest form and its file name,
 * so that `rm *` names `/bin/rm` and `/bin/../bin/rm` too.
 */
function command({ path, work }: DocumentStep, policy: Policy): string[] {
  if (work.type !== 'runCommand') return [];
  const [file = '', ...rest] = work.words;
  const line = (first: string) => [first, ...rest].join(' ');
  const shortest = shortestForm(file);
  const allowed = file.split('/').includes('..') ? undefined : line(shortest);
  const denied = [line(file), line(shortest), line(posix.basename(shortest))];
  const lists = [policy.allowCommands, policy.denyCommands] as const;
  return judged('Commands', lists, allowed, denied, `${path}: command ${quoted(file)}`);
}

/** A path stays one: `./rm` is a file here, and `rm` one that PATH finds. */
function shortestForm(file: string): string {
  if (!file.includes('/')) return file;
  const shortest = posix.normalize(file);
  return shortest.includes('/') ? shortest : `./${shortest}`;
}

/** The name in `runAsUser`. A step without one runs as the agent's own user, of whom the policy says nothing. */
function user({ path, runAsUser }: DocumentStep, policy: Policy): string[] {
  if (runAsUser === undefined) return [];
  const lists = [policy.allowUsers, policy.denyUsers] as const;
  return judged('Users', lists, runAsUser, [runAsUser], `${path}.runAsUser: user ${quoted(runAsUser)}`);
}

/** The host of a download's URL, and its protocol. Where it is redirected to, the download itself holds against them. */
function download(step: DocumentStep, policy: Policy, builtIns: readonly BuiltIn[]): string[] {
  const url = downloadUrl(step.work, builtIns);
  if (!url) return [];
  const what = `${step.path}: download from ${quoted(url.hostname)}`;
  const rule = hostAllowed(url.hostname, policy);
  return [
    ...(url.protocol === 'http:' && !policy.allowPlainHttp
      ? [`policy.allowPlainHttp is false and forbids ${what} over http:`]
      : []),
    ...(rule === undefined ? [] : [`${rule} forbids ${what}`]),
  ];
}

/** @param allowed what an allow list must name; undefined: only `*` does. @param denied what a deny list may name. */
function judged(
  rule: string,
  [allow, deny]: readonly [readonly string[], readonly string[]],
  allowed: string | undefined,
  denied: readonly string[],
  what: string,
): string[] {
  const denying = deny.find((pattern) => denied.some((text) => fits(text, pattern)));
  if (denying !== undefined) return [`policy.deny${rule} ${quoted(denying)} forbids ${what}`];
  const isAllowed = allow.some((pattern) => (allowed === undefined ? pattern === '*' : fits(allowed, pattern)));
  return isAllowed ? [] : [`policy.allow${rule} does not allow ${what}`];
}

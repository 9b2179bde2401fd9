import { errorMessage } from '../../errors.ts';
import type { StatusDetails } from '../../jobs/model.ts';
import { StartsAgain } from '../starts-again.ts';
import type { BuiltInContext, StepResult } from '../step.ts';
import { shownUrl } from './admission.ts';
import { Deadline } from './deadline.ts';
import { DownloadFailure } from './failure.ts';
import { ED25519_ADVICE } from './file-check.ts';
import type { DownloadInput } from './input.ts';
import { PartSink } from './part-sink.ts';
import { ProgressReport } from './progress-report.ts';
import { readProgress, type SavedProgress } from './saved-progress.ts';
import { DEFAULT_CHECKPOINT_BYTES, type DownloadSettings } from './settings.ts';
import { fetchSignature, readSignatureKey, type SignatureKey } from './signature.ts';
import { documentSource, parseUrl } from './source.ts';
import type { FileCheck, OpenTarget, SignatureCheck, TargetFile } from './target-file.ts';
import { partId, targetOf } from './target-of.ts';
import { nameInUrl } from './target-path.ts';
import { Transfer } from './transfer.ts';

/** Fetches a file and puts it in its place. Never rejects. */
export async function download(
  input: DownloadInput,
  settings: DownloadSettings,
  context: BuiltInContext,
): Promise<StepResult> {
  const deadline = new Deadline(settings.timeoutMs, context.signal);
  const work = new Download(input, settings, context, deadline);
  try {
    return { outcome: 'succeeded', details: await work.run() };
  } catch (error) {
    const isForGood = !(context.signal.reason instanceof StartsAgain);
    await (isForGood ? work.removePart() : work.keepPart());
    if (context.signal.aborted) return { outcome: 'interrupted' };
    return { outcome: 'failed', reason: work.reasonOf(error), details: work.details() };
  } finally {
    await work.close();
    deadline.clear();
  }
}

class Download {
  readonly #input: DownloadInput;
  readonly #settings: DownloadSettings;
  readonly #context: BuiltInContext;
  readonly #deadline: Deadline;
  #target: TargetFile | undefined;
  #opened: OpenTarget | undefined;
  #sink: PartSink | undefined;

  constructor(input: DownloadInput, settings: DownloadSettings, context: BuiltInContext, deadline: Deadline) {
    this.#input = input;
    this.#settings = settings;
    this.#context = context;
    this.#deadline = deadline;
  }

  /** What a success tells of the file. */
  async run(): Promise<StatusDetails> {
    const { publicKeyPath } = this.#settings;
    const key = publicKeyPath === undefined ? undefined : await readSignatureKey(publicKeyPath);
    const saved = readProgress(this.#context.lastProgress);
    const target = await targetOf(this.#context, this.#settings, this.#deadline.signal);
    this.#target = target;
    const opened = await target.open({
      path: this.#input.path,
      name: nameInUrl(parseUrl(this.#input.url)),
      id: partId(this.#context),
      resume: saved,
    });
    this.#opened = opened;
    const signature = key && (await this.#signatureFor(key));
    const there = await this.#fileThere(target, opened, saved, signature);
    if (there !== undefined) return there;
    const sink = await this.#fetch(target, opened, saved, key);
    const { sha256 } = this.#approved(await target.check('part', signature), this.#input.sha256);
    // If the agent ends between the rename and the result of this step, its next start knows the file by this.
    await sink.settle(sha256);
    await target.commit(this.#mode());
    this.#context.log.info({ file: opened.file, bytes: sink.bytes, sha256 }, 'downloaded');
    return { ...this.details(), bytes: String(sink.bytes), sha256, ...this.#signatureNote() };
  }

  /** For a failure, and the start of what a success tells. */
  details(): StatusDetails {
    const url = URL.parse(this.#input.url);
    const file = this.#opened?.file;
    return { ...(file === undefined ? {} : { file }), ...(url === null ? {} : { url: shownUrl(url) }) };
  }

  reasonOf(error: unknown): string {
    if (error instanceof DownloadFailure) return error.message;
    if (this.#deadline.signal.aborted) {
      const { bytes = 0, total } = this.#sink ?? {};
      const part = total === undefined ? `${bytes} bytes` : `${bytes} of ${total} bytes`;
      return `not finished after ${this.#settings.timeoutMs / 1000} s, with ${part} (download.timeoutSeconds)`;
    }
    this.#context.log.error({ err: error }, 'a download ended by what is no known fault');
    return `the download failed: ${errorMessage(error)}`;
  }

  /** For the next start; what cannot be put on disk now is fetched again then. */
  async keepPart(): Promise<void> {
    await this.#quietly(async () => this.#sink?.settle());
  }

  async removePart(): Promise<void> {
    await this.#quietly(async () => this.#target?.discard());
  }

  async close(): Promise<void> {
    await this.#target?.close();
  }

  /** How the step ends is settled by then. */
  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#context.log.warn(
        { err: error, file: this.#opened?.part },
        'the part of a download could not be dealt with',
      );
    }
  }

  async #signatureFor({ publicKey }: SignatureKey): Promise<SignatureCheck> {
    const { signature, signatureUrl } = this.#input;
    if (signature) return { publicKey, signature };
    if (!signatureUrl) throw new DownloadFailure('this device takes signed downloads only (download.publicKeyPath)');
    const source = documentSource(signatureUrl, (fresh) => fresh.signatureUrl, this.#settings, this.#context);
    return { publicKey, signature: await fetchSignature(source, this.#transferOptions()) };
  }

  /** A success without a transfer: the file was there, or an earlier start has renamed it and could not say so. */
  async #fileThere(
    target: TargetFile,
    { part, resumedBytes }: OpenTarget,
    saved: SavedProgress | undefined,
    signature: SignatureCheck | undefined,
  ): Promise<StatusDetails | undefined> {
    const ours = resumedBytes === undefined && saved?.part === part ? saved.sha256 : undefined;
    const wanted = this.#input.sha256?.toLowerCase() || ours;
    const found = wanted === undefined ? undefined : await target.check('file');
    if (found === undefined || found.sha256 !== wanted) return undefined;
    const { bytes, sha256 } = this.#approved(signature ? await target.check('file', signature) : found, wanted);
    await target.discard();
    const mode = this.#mode();
    if (mode !== undefined) await target.setMode(mode);
    const note = ours === undefined ? { download: 'not needed: the file was there' } : {};
    return { ...this.details(), bytes: String(bytes), sha256, ...note, ...this.#signatureNote() };
  }

  async #fetch(
    target: TargetFile,
    opened: OpenTarget,
    saved: SavedProgress | undefined,
    key: SignatureKey | undefined,
  ): Promise<PartSink> {
    const report = new ProgressReport((details) => this.#context.reportProgress(details));
    const checkpointBytes = this.#settings.checkpointBytes ?? DEFAULT_CHECKPOINT_BYTES;
    const sink = new PartSink({ target, opened, saved, report, checkpointBytes, context: this.#context });
    this.#sink = sink;
    const { maxBytes } = this.#settings;
    const cap =
      key !== undefined && key.largestFile < maxBytes
        ? { bytes: key.largestFile, reason: ED25519_ADVICE }
        : { bytes: maxBytes, reason: 'this device takes no larger download (download.maxMegabytes)' };
    const source = documentSource(this.#input.url, (fresh) => fresh.url, this.#settings, this.#context);
    await new Transfer(source, sink, { ...this.#transferOptions(), cap }).run();
    await sink.settle();
    return sink;
  }

  #transferOptions() {
    return { settings: this.#settings, deadline: this.#deadline, log: this.#context.log };
  }

  #approved(found: FileCheck | undefined, wanted: string | undefined): FileCheck {
    if (found === undefined) throw new DownloadFailure('the file cannot be read again to be checked');
    if (wanted && found.sha256 !== wanted.toLowerCase()) {
      throw new DownloadFailure(`the file has the SHA-256 ${found.sha256}, and the document expects ${wanted}`);
    }
    if (found.signatureIsValid === false) {
      throw new DownloadFailure("the file does not fit its signature and this device's public key");
    }
    return found;
  }

  /** Octal in the document. */
  #mode(): number | undefined {
    const { mode } = this.#input;
    return mode ? Number.parseInt(mode, 8) : undefined;
  }

  #signatureNote(): StatusDetails {
    const isIgnored = this.#settings.publicKeyPath === undefined && (this.#input.signature || this.#input.signatureUrl);
    return isIgnored ? { signature: 'not checked: this device has no public key (download.publicKeyPath)' } : {};
  }
}

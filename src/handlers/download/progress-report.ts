import type { StatusDetails } from '../../jobs/model.ts';

/** Tells how far a download is: at its start, then at most once a second. */
export class ProgressReport {
  readonly #tell: (details: StatusDetails) => void;
  readonly #now: () => number;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that does not jump. */
  constructor(tell: (details: StatusDetails) => void, now: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#now = now;
  }

  at(bytes: number, total: number | undefined): void {
    const now = this.#now();
    if (now - this.#toldAt < 1000) return;
    this.#toldAt = now;
    const percent = total === undefined || total === 0 ? {} : { percent: String(Math.floor((bytes / total) * 100)) };
    this.#tell({
      ...percent,
      message: 'downloading',
      bytes: total === undefined ? `${bytes}` : `${bytes} of ${total}`,
    });
  }
}

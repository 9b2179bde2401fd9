import type { Clock } from './clock.ts';

interface Appointment {
  readonly at: number;
  readonly act: () => void;
}

/** Node's timers end at 2³¹ − 1 ms; what lies further away is looked at again then. */
const LONGEST_TIMER = 2_147_483_647;

export interface MovableClockOptions {
  /** Where the time comes from, epoch milliseconds; default: the machine's. A constant makes a clock that only moves by hand. */
  readonly source?: () => number;
}

/** The machine's time plus what it has been moved by. It moves forward only, as the service's own clock does. */
export class MovableClock implements Clock {
  readonly #source: () => number;
  /** Sorted by time; equal times in the order in which they were asked for. */
  readonly #appointments: Appointment[] = [];
  readonly #faultListeners = new Set<(error: unknown) => void>();
  readonly #moveListeners = new Set<(ahead: number) => void>();
  #offset = 0;
  /** While an appointment is kept the clock stands at its time. */
  #standing: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MovableClockOptions = {}) {
    this.#source = options.source ?? Date.now;
  }

  now(): number {
    return this.#standing ?? this.#source() + this.#offset;
  }

  /** How far it has been moved, in milliseconds. */
  get ahead(): number {
    return this.#offset;
  }

  /** Told what appointments throw: the next ones are kept all the same. */
  onFault(listener: (error: unknown) => void): () => void {
    this.#faultListeners.add(listener);
    return () => this.#faultListeners.delete(listener);
  }

  /** Told how far it is ahead whenever it has been moved. */
  onMove(listener: (ahead: number) => void): () => void {
    this.#moveListeners.add(listener);
    return () => this.#moveListeners.delete(listener);
  }

  schedule(at: number, act: () => void): () => void {
    const appointment = { at, act };
    this.#appointments.splice(this.#placeOf(at), 0, appointment);
    this.#setTimer();
    return () => {
      const index = this.#appointments.indexOf(appointment);
      if (index >= 0) this.#appointments.splice(index, 1);
    };
  }

  /**
   * Moves the time on. Every appointment on the way is kept in order, and sees its own time.
   * @throws RangeError for what is no time, or less than none; Error from within an appointment
   */
  advance(milliseconds: number): void {
    if (!(milliseconds >= 0 && Number.isFinite(milliseconds))) {
      throw new RangeError(`the clock moves forward only, not by ${milliseconds} ms`);
    }
    if (this.#standing !== undefined) throw new Error('the clock cannot be moved while it keeps an appointment');
    const target = this.now() + milliseconds;
    this.#keepUntil(target);
    this.#offset += Math.max(0, target - this.now());
    this.#moved();
  }

  /** Forgets all appointments. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#appointments.length = 0;
  }

  #moved(): void {
    this.#setTimer();
    for (const listener of this.#moveListeners) listener(this.#offset);
  }

  #keepUntil(target: number): void {
    this.#standing = this.now();
    try {
      for (let next = this.#appointments[0]; next && next.at <= target; next = this.#appointments[0]) {
        this.#appointments.shift();
        // An appointment of the past is kept now: time does not go back.
        this.#standing = Math.max(next.at, this.#standing);
        this.#keep(next);
      }
    } finally {
      this.#standing = undefined;
    }
  }

  #keep({ act }: Appointment): void {
    try {
      act();
    } catch (error) {
      for (const listener of this.#faultListeners) listener(error);
    }
  }

  /** Behind all that are not later. */
  #placeOf(at: number): number {
    let low = 0;
    let high = this.#appointments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#appointments[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const next = this.#appointments[0];
    if (!next || this.#standing !== undefined) return;
    const wait = Math.min(Math.max(0, next.at - this.now()), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      this.#keepUntil(this.now());
      this.#setTimer();
    }, wait);
    // The clock alone keeps no process alive.
    this.#timer.unref();
  }
}

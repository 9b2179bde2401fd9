import { MovableClock } from '../../../src/simulator/movable-clock.ts';
import type { Clock, Timer } from '../../../src/system/clock.ts';

/** The one time of simulator and device. It stands still unless it is moved, and tells what is due next. */
export class WorldClock extends MovableClock {
  readonly #due = new Set<{ readonly at: number }>();

  constructor(start: number) {
    super({ source: () => start });
  }

  override schedule(at: number, act: () => void): () => void {
    const appointment = { at };
    this.#due.add(appointment);
    const takeBack = super.schedule(at, () => {
      this.#due.delete(appointment);
      act();
    });
    return () => {
      this.#due.delete(appointment);
      takeBack();
    };
  }

  /** When the next appointment is, epoch milliseconds; Infinity: there is none. */
  get next(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { at } of this.#due) next = Math.min(next, at);
    return next;
  }
}

/** The monotonic time of one start of the device: it begins at 0, and when the device dies nothing is due any more. */
export class DeviceClock implements Clock {
  readonly #world: WorldClock;
  readonly #startedAt: number;
  readonly #waits = new Map<Timer, number>();
  #dead = false;

  constructor(world: WorldClock) {
    this.#world = world;
    this.#startedAt = world.now();
  }

  now(): number {
    return this.#world.now() - this.#startedAt;
  }

  setTimer(ms: number, onDue: () => void): Timer {
    if (this.#dead) return { cancel: () => undefined };
    const takeBack = this.#world.schedule(this.#world.now() + Math.max(0, ms), () => {
      this.#waits.delete(timer);
      onDue();
    });
    const timer: Timer = {
      cancel: () => {
        this.#waits.delete(timer);
        takeBack();
      },
    };
    this.#waits.set(timer, ms);
    return timer;
  }

  /** Of the waits that are running, their whole lengths in milliseconds. */
  get waits(): readonly number[] {
    return [...this.#waits.values()];
  }

  die(): void {
    this.#dead = true;
    for (const timer of [...this.#waits.keys()]) timer.cancel();
  }
}

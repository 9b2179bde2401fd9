import type { Clock } from '../clock.ts';
import { matchesFilter } from '../mqtt/topic-filter.ts';
import { ServiceError } from '../service-error.ts';
import type { ServiceName } from '../service-name.ts';
import { exceptionOf } from './failure-codes.ts';
import { FailureRates, type Rates } from './failure-rates.ts';
import { type Direction, type FaultOrder, type FaultRule, parseFaultRule } from './fault-rule.ts';

/** A rule with its name, and how often it has been applied. */
export interface OrderedFault extends FaultRule {
  readonly id: string;
  readonly hits: number;
  /** It does nothing any more: it has been applied as often as ordered, or its time is over. */
  readonly spent: boolean;
}

export interface FaultsOptions {
  readonly clock: Clock;
  /** From 0 up to 1, for the rates; default Math.random. */
  readonly random?: () => number;
  /** Operations that can fail; failNext of another is refused. Default: any. */
  readonly operations?: readonly string[];
  /** False: connections are another broker's, so that none can be cut or refused, and no client is known. Default true. */
  readonly connections?: boolean;
}

interface Order {
  readonly id: string;
  readonly rule: FaultRule;
  /** Epoch ms of the simulator's clock, of a refusal for a time. */
  readonly until: number | undefined;
  skipped: number;
  hits: number;
}

const MOST_RULES = 1_000;
/** Where a request's answer goes. */
const ANSWER = /\/(accepted|rejected)$/;

/**
 * Faults on order: for messages, connections and operations, of any transport. Of the rules that match, the one that was
 * ordered first is applied, and no other.
 */
export class Faults {
  readonly clock: Clock;
  readonly #rates: FailureRates;
  readonly #operations: readonly string[] | undefined;
  readonly #connections: boolean;
  readonly #clearListeners = new Set<() => void>();
  #orders: Order[] = [];
  /** Those of #orders that are not spent, looked through for each message. */
  #active: Order[] = [];
  #count = 0;

  constructor(options: FaultsOptions) {
    this.clock = options.clock;
    this.#operations = options.operations;
    this.#connections = options.connections ?? true;
    this.#rates = new FailureRates(options.random ?? Math.random);
  }

  /**
   * Returns the id of the rule.
   * @throws ServiceError InvalidRequestException naming the field at fault; LimitExceededException
   */
  add(order: FaultOrder): string {
    return this.addUntyped(order);
  }

  /** As `add`, for what came from outside. */
  addUntyped(given: unknown): string {
    const rule = parseFaultRule(given);
    if (!this.#connections && (rule.kind === 'cut' || rule.kind === 'refuse' || rule.client !== undefined)) {
      const what = rule.client === undefined ? `kind: ${rule.kind}` : 'client';
      throw invalid(`${what} cannot be played with a broker of your own: its connections are not the simulator's`);
    }
    if (rule.operation !== undefined && this.#operations && !this.#operations.includes(rule.operation)) {
      throw invalid(`operation: ${rule.operation} is no operation that is simulated`);
    }
    if (this.#active.length >= MOST_RULES) {
      throw new ServiceError('LimitExceededException', `There are ${MOST_RULES} faults on order already`);
    }
    this.#count += 1;
    const id = `fault-${this.#count}`;
    const until = rule.kind === 'refuse' && rule.ms !== undefined ? this.clock.now() + rule.ms : undefined;
    const order = { id, rule, until, skipped: 0, hits: 0 };
    // What is spent stays, so that its hits can be read, until there is no room.
    if (this.#orders.length >= MOST_RULES) this.#orders.splice(this.#orders.findIndex(isUsedUp), 1);
    this.#orders.push(order);
    this.#active.push(order);
    return id;
  }

  list(): OrderedFault[] {
    return this.#orders.map((order) => ({
      ...order.rule,
      id: order.id,
      hits: order.hits,
      spent: isUsedUp(order) || this.#isOver(order),
    }));
  }

  /** False: there is no such rule. */
  remove(id: string): boolean {
    const before = this.#orders.length;
    this.#orders = this.#orders.filter((order) => order.id !== id);
    this.#active = this.#active.filter((order) => order.id !== id);
    return this.#orders.length < before;
  }

  /** All rules go, and all rates are 0; what messages were held back go on at once. */
  clear(): void {
    this.#orders = [];
    this.#active = [];
    this.#rates.reset();
    for (const listener of [...this.#clearListeners]) listener();
  }

  /** Told of each `clear`, until the function returned is called. */
  onClear(listener: () => void): () => void {
    this.#clearListeners.add(listener);
    return () => this.#clearListeners.delete(listener);
  }

  get rates(): Rates {
    return this.#rates.current;
  }

  /** @throws ServiceError InvalidRequestException, see FailureRates.set */
  setRates(rates: Partial<Rates> & { readonly seed?: number }): void {
    this.#rates.set(rates);
  }

  /** As `setRates`, for what came from outside. */
  setRatesUntyped(rates: Readonly<Record<string, unknown>>): void {
    this.#rates.set(rates);
  }

  /** What an operation shall fail with, this time. Two operations of this name are told apart by their service. */
  failureOf(operation: string, service: ServiceName): ServiceError | undefined {
    const rule = this.#apply(
      ({ rule: { kind, operation: wanted, service: of } }) =>
        kind === 'failNext' && wanted === operation && (of === undefined || of === service),
    );
    if (!rule) return this.#rates.next();
    const code = exceptionOf(rule.code ?? '') ?? 'InternalFailureException';
    return new ServiceError(code, `${operation} fails on order`);
  }

  /** Whether a new connection is refused: before its client id is known, or with it. */
  refuses(client?: string): boolean {
    const refused = this.#apply(({ rule }) => rule.kind === 'refuse' && rule.client === client);
    return refused !== undefined;
  }

  /** The rule for this message, which counts as applied; undefined: it passes untouched. */
  ofMessage(direction: Direction, client: string, topic: string): FaultRule | undefined {
    if (this.#active.length === 0) return undefined;
    return this.#apply(({ rule }) => matchesMessage(rule, direction, client, topic));
  }

  #apply(matches: (order: Order) => boolean): FaultRule | undefined {
    for (const order of this.#active) {
      if (this.#isOver(order) || !matches(order)) continue;
      if (order.skipped < order.rule.skip) {
        order.skipped += 1;
        continue;
      }
      order.hits += 1;
      if (isUsedUp(order)) this.#active = this.#active.filter((other) => other !== order);
      return order.rule;
    }
    return undefined;
  }

  #isOver({ until }: Order): boolean {
    return until !== undefined && this.clock.now() >= until;
  }
}

/** Whether a rule is about such a message. */
export function matchesMessage(rule: FaultRule, direction: Direction, client: string, topic: string): boolean {
  if (rule.kind === 'refuse' || rule.kind === 'failNext') return false;
  if (rule.direction !== undefined && rule.direction !== direction) return false;
  if (rule.client !== undefined && rule.client !== client) return false;
  if (rule.topic !== undefined) return matchesFilter(topic, rule.topic);
  const ofAnswers = rule.kind === 'late' || rule.kind === 'wrong' || rule.kind === 'never';
  return !ofAnswers || ANSWER.test(topic);
}

function isUsedUp({ rule, hits }: Order): boolean {
  return rule.times > 0 && hits >= rule.times;
}

function invalid(message: string): ServiceError {
  return new ServiceError('InvalidRequestException', message);
}

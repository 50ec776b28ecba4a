/** What the handler decorators leave on a class, and how it is read back: the methods of a class and what each hears. */
import type { MemberStatus } from 'rookery/mesh';
import { ClusterUsageError } from '../errors.js';

/** One thing that a method hears. */
export type HandlerMark =
  | { readonly kind: 'event'; readonly topic: string }
  | { readonly kind: 'gap'; readonly topic: string | undefined }
  | { readonly kind: 'member'; readonly status: MemberStatus };

/** A method that hears something. */
export interface MarkedMethod {
  readonly name: string;
  readonly marks: readonly HandlerMark[];
  /** The prototype whose class body carries the decorators. */
  readonly markedOn: object;
}

const MARKS = Symbol('rookery.handler-marks');

type Marks = Map<string, HandlerMark[]>;

/**
 * Refuses a decorator where Nest could never call what it stands on.
 * @throws ClusterUsageError `CLUSTER_INVALID_HANDLER`
 */
export function assertInstanceMethod(
  decorator: string,
  target: object,
  name: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): asserts name is string {
  const owner = typeof target === 'function' ? target.name : target.constructor.name;
  const where = `${decorator} on ${owner}.${String(name)}`;
  if (typeof target === 'function') {
    throw invalid(`${where}: the method is static. Put the decorator on a method of the instances.`);
  }
  if (typeof descriptor?.value !== 'function') {
    throw invalid(`${where}: this is no method. Write it as a method, not as a property, getter or setter.`);
  }
  if (typeof name === 'symbol') {
    throw invalid(`${where}: Nest's pipeline knows methods by name. Give the method a name instead of a symbol.`);
  }
}

function invalid(message: string): ClusterUsageError {
  return new ClusterUsageError('CLUSTER_INVALID_HANDLER', message);
}

/**
 * Adds to what a method hears. Kept on the class rather than on the function, so that decorators of other libraries,
 * which may put another function in its place, cannot lose it.
 */
export function markMethod(target: object, name: string, mark: HandlerMark): void {
  const marks = ownMarks(target) ?? new Map<string, HandlerMark[]>();
  marks.set(name, [...(marks.get(name) ?? []), mark]);
  Reflect.defineMetadata(MARKS, marks, target);
}

/**
 * The methods of a class that hear something, inherited ones included, each once. An override keeps what the method it
 * overrides hears, as a virtual method does, unless it has decorators of its own.
 */
export function markedMethods(prototype: object): MarkedMethod[] {
  const found = new Map<string, MarkedMethod>();
  for (let at: object | null = prototype; at !== null && at !== Object.prototype; at = parentOf(at)) {
    for (const [name, marks] of ownMarks(at) ?? []) {
      if (!found.has(name)) found.set(name, { name, marks: distinct(marks), markedOn: at });
    }
  }
  return [...found.values()];
}

function ownMarks(prototype: object): Marks | undefined {
  return Reflect.getOwnMetadata(MARKS, prototype) as Marks | undefined;
}

function parentOf(prototype: object): object | null {
  return Object.getPrototypeOf(prototype) as object | null;
}

/** In the order of the source: decorators are evaluated from the bottom up. */
function distinct(marks: readonly HandlerMark[]): HandlerMark[] {
  return [...new Map([...marks].reverse().map((mark) => [JSON.stringify(mark), mark])).values()];
}

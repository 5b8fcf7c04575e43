/**
 * The elements behind a tensor, wherever they lie.
 *
 * @module
 */

import { describeShape } from "../base/checks.ts";
import type { TypedNumbers } from "./nested.ts";

/** Float32 elements that one or more tensors share. */
export interface Values {
  /** How many there are; 0 once the buffer behind them has been transferred. */
  readonly length: number;
  /** Where they can be read and written. The same live array on every read. */
  readonly data: Float32Array;
  /** The same as a plain array, of which the length, the buffer and the methods are to be believed. */
  readonly elements: Float32Array;
  /** Whether they are in a buffer: a write to it may change them. */
  liesIn(buffer: ArrayBufferLike): boolean;
  /** The same in an array of their own; they stay where they are. */
  copy(): Float32Array;
}

/** Elements in an array of the user's or of our own. */
export class ArrayValues implements Values {
  readonly data: Float32Array;
  readonly elements: Float32Array;

  constructor(data: Float32Array) {
    this.data = data;
    this.elements = plainView(data);
  }

  get length(): number {
    return this.elements.length;
  }

  liesIn(buffer: ArrayBufferLike): boolean {
    return mayShare(this.elements.buffer, buffer);
  }

  copy(): Float32Array {
    return copyOf(this.elements);
  }
}

/**
 * Whether two buffers may be one memory. Shared memory has as many buffers as it has been posted or grown. It is
 * known by what it is not: its class has no name on a page that is not cross-origin isolated.
 */
export function mayShare(a: ArrayBufferLike, b: ArrayBufferLike): boolean {
  return a === b || !(a instanceof ArrayBuffer) && !(b instanceof ArrayBuffer);
}

/** The properties that every typed array inherits, whatever a subclass or the array itself says. */
const TYPED_ARRAY: object = Object.getPrototypeOf(Float32Array.prototype);

/** The elements of an array, of a subclass perhaps, as an array of no subclass. */
export function plainView<Numbers extends TypedNumbers>(data: Numbers): Numbers {
  const real = <Value>(name: PropertyKey): Value => Reflect.get(TYPED_ARRAY, name, data);
  const length = real<number>("length");
  const Plain: new (...args: readonly unknown[]) => Numbers = Reflect.get(
    globalThis,
    real<string>(Symbol.toStringTag),
  );
  // It cannot be made of a buffer that has been transferred.
  if (length === 0) return new Plain(0);
  return new Plain(real("buffer"), real("byteOffset"), length);
}

/**
 * A copy in an array of its own. Up to three times as fast as an empty array that is then set, which is
 * filled with zeros first, or as `slice()`, which copies shared memory element by element.
 */
export function copyOf(source: Float32Array): Float32Array<ArrayBuffer> {
  return new Float32Array(source);
}

/**
 * Checks that the values of a tensor or parameter are still there: a transferred buffer leaves none.
 *
 * @param where Who asks.
 * @param what What they are of.
 * @param values The values.
 * @param shape Its shape.
 * @throws {TypeError} If they are gone.
 */
export function checkAttached(
  where: string,
  what: string,
  values: Values,
  shape: readonly number[],
): void {
  if (values.length === shape.reduce((product, size) => product * size, 1)) return;
  throw new TypeError(
    `${where}: ${what} of shape ${
      describeShape(shape)
    } has lost its values: the buffer behind its ` +
      `data was transferred or resized`,
  );
}

import { formatTensor } from "../tensor/format.ts";
import type { Tensor } from "../tensor/tensor.ts";

let valuesOfParameter: (parameter: Parameter) => Tensor;

/**
 * A weight or bias of a layer. Its values are live: a write to `data`, however made, is seen by the
 * layer's next forward.
 *
 * @example
 * ```ts
 * import { Conv1d, Tensor } from "@tileconv/conv";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Conv1d(1, 1, 3, { bias: false });
 * const weights = layer.weight.data;
 * weights.set([1, 0, -1]);
 * const y = layer.forwardSync(Tensor.from([[1, 2, 4, 8]]));
 * assertEquals([...y.data], [-3, -6]);
 * ```
 */
export class Parameter {
  static {
    valuesOfParameter = (parameter) => parameter.#values;
  }

  readonly #values: Tensor;

  /** The gradient that has been added up, of the parameter's shape, or `null` if there is none. */
  grad: Tensor | null = null;

  /**
   * Makes a parameter of a tensor.
   *
   * @param values The values. They are not copied.
   */
  constructor(values: Tensor) {
    this.#values = values;
  }

  /** The values in row-major order. The same live array on every read. */
  get data(): Float32Array<ArrayBuffer> {
    return this.#values.data;
  }

  /** The size of each axis. Frozen. */
  get shape(): readonly number[] {
    return this.#values.shape;
  }

  /** The number of values: the product of the shape. */
  get size(): number {
    return this.#values.size;
  }

  /**
   * What `JSON.stringify()` writes.
   *
   * @returns The shape and the values, see {@linkcode Tensor.toJSON}.
   */
  toJSON(): { shape: number[]; data: number[] } {
    return this.#values.toJSON();
  }

  /** Shows the shape and the values, the middle of large parameters left out. */
  [Symbol.for("Deno.customInspect")](): string {
    return formatTensor("Parameter", this.data, this.shape);
  }

  /** The same for Node.js and what imitates it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return formatTensor("Parameter", this.data, this.shape);
  }
}

/** The tensor that a parameter was made of. */
export function tensorOfParameter(parameter: Parameter): Tensor {
  return valuesOfParameter(parameter);
}

import { formatTensor } from "../tensor/format.ts";
import { Tensor } from "../tensor/tensor.ts";

let valuesOfParameter: (parameter: Parameter) => Tensor;
let makeLateParameter: (absence: string) => Parameter;
let setParameter: (parameter: Parameter, values: Tensor | null) => void;

const NONE = Tensor.zeros([0]);

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
    makeLateParameter = (absence) => {
      const parameter = new Parameter(NONE);
      parameter.#given = null;
      parameter.#absence = absence;
      return parameter;
    };
    setParameter = (parameter, values) => {
      parameter.#given = values;
    };
  }

  /** `null` before the first input of a lazy layer. */
  #given: Tensor | null;
  /** What is said then to those who ask. */
  #absence = "";

  /** The gradient that has been added up, of the parameter's shape, or `null` if there is none. */
  grad: Tensor | null = null;

  /**
   * Makes a parameter of a tensor.
   *
   * @param values The values. They are not copied.
   */
  constructor(values: Tensor) {
    this.#given = values;
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
    return this.#format();
  }

  /** The same for Node.js and what imitates it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.#format();
  }

  #format(): string {
    if (this.#given === null) return "Parameter without values yet";
    return formatTensor("Parameter", this.data, this.shape);
  }

  get #values(): Tensor {
    if (this.#given !== null) return this.#given;
    throw new TypeError(this.#absence);
  }
}

/** A parameter whose shape is not known yet: before it is set, reading it is an error with this message. */
export function lateParameter(absence: string): Parameter {
  return makeLateParameter(absence);
}

/** Gives a late parameter its values, or takes them away again. */
export function setLateParameter(parameter: Parameter, values: Tensor | null): void {
  setParameter(parameter, values);
}

/**
 * The tensor that a parameter was made of.
 *
 * @throws {TypeError} If it has no values yet.
 */
export function tensorOfParameter(parameter: Parameter): Tensor {
  return valuesOfParameter(parameter);
}

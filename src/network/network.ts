/**
 * A network that computes: named tensors in, named tensors out.
 *
 * @module
 */

import { checkOptionNames, describe, describeShape, didYouMean } from "../base/checks.ts";
import { defaultEngine, Engine } from "../engine/engine.ts";
import { runSequence, runSequenceSync, type Sequence } from "../execution/sequence.ts";
import type { OnnxModel, OnnxValueInfo } from "../io/models/onnx/model.ts";
import { type AnyTensor, partsOf, Tensor, type TensorParts } from "../tensor/tensor.ts";
import { fuse } from "./fuse.ts";
import { checkOperators, knownValues, lower } from "./lower.ts";
import { placed } from "./place.ts";
import type { Lowered } from "./steps.ts";
import type { Value } from "./values.ts";

/** Options of a network. */
export interface NetworkOptions {
  /** Who computes. Default: an engine that all calls share, with one thread per core. */
  readonly engine?: Engine;
}

/** An input or output. */
export interface NetworkValue {
  readonly name: string;
  /** The size of each axis, a name or `null` where it is open; `null` if nothing is said of the axes. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** Tensors by their names. */
export type NetworkTensors = Readonly<Record<string, AnyTensor>>;

/** Shapes that are prepared for, at most: the one that was longest not asked for makes room for a new one. */
const MOST_PREPARED = 8;

/** What is computed for inputs of some shapes. */
interface Prepared {
  readonly lowered: Lowered;
  readonly sequence: Sequence;
}

/**
 * A convolutional network. What it computes is planned for the shapes of the inputs that come, and kept for the next
 * ones of the same shapes: normalisations go into the weights, activations and sums are computed with the convolutions,
 * and what a step makes stays in the engine's memory until the last one has read it.
 */
export class Network {
  /** What it takes. */
  readonly inputs: readonly NetworkValue[];
  /** What it makes. */
  readonly outputs: readonly NetworkValue[];
  readonly #model: OnnxModel;
  readonly #engine: Engine | undefined;
  readonly #known: ReadonlyMap<string, Value>;
  readonly #prepared = new Map<string, Prepared>();

  /**
   * @internal
   * @param name How error messages call what builds it.
   */
  constructor(name: string, model: OnnxModel, options: NetworkOptions = {}) {
    checkOptionNames(name, options, ["engine"]);
    const { engine } = options;
    if (engine !== undefined && !(engine instanceof Engine)) {
      throw new TypeError(`${name}: engine must be an Engine, but is ${describe(engine)}`);
    }
    checkOperators(model);
    this.#model = model;
    this.#engine = engine;
    this.#known = knownValues(model);
    this.inputs = Object.freeze(model.graph.inputs.map(valueOf));
    this.outputs = Object.freeze(model.graph.outputs.map(valueOf));
  }

  /**
   * Computes the outputs in the background. The inputs have been read when the call returns its promise.
   *
   * @param inputs A tensor for each input, by its name, or a single one for the only input.
   * @returns The outputs by their names.
   * @throws {TypeError} If an input is missing, unknown or not a tensor (the promise is rejected).
   * @throws {RangeError} If a shape does not fit (the promise is rejected).
   */
  async forward(inputs: NetworkTensors | AnyTensor): Promise<Record<string, Tensor>> {
    const { tensors, prepared } = this.#call(inputs);
    const values = tensors.map(({ values }) => values);
    const arrays = await runSequence(this.#engine ?? defaultEngine(), prepared.sequence, values);
    return this.#named(prepared, arrays);
  }

  /**
   * Like {@linkcode Network.forward}, but returns the outputs themselves.
   *
   * @param inputs A tensor for each input, by its name, or a single one for the only input.
   * @returns The outputs by their names.
   * @throws {TypeError} If an input is missing, unknown or not a tensor.
   * @throws {RangeError} If a shape does not fit.
   */
  forwardSync(inputs: NetworkTensors | AnyTensor): Record<string, Tensor> {
    const { tensors, prepared } = this.#call(inputs);
    const values = tensors.map(({ values }) => values);
    const arrays = runSequenceSync(this.#engine ?? defaultEngine(), prepared.sequence, values);
    return this.#named(prepared, arrays);
  }

  #call(inputs: unknown): { tensors: readonly TensorParts[]; prepared: Prepared } {
    const tensors = this.#tensorsOf(inputs);
    const shapes = tensors.map(({ shape }) => shape);
    const key = JSON.stringify(shapes);
    const prepared = this.#prepared.get(key) ?? this.#prepare(shapes);
    this.#prepared.delete(key);
    this.#prepared.set(key, prepared);
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size > MOST_PREPARED && oldest !== undefined) this.#prepared.delete(oldest);
    return { tensors, prepared };
  }

  #prepare(shapes: readonly (readonly number[])[]): Prepared {
    const lowered = fuse(lower(this.#model, this.#known, shapes));
    return { lowered, sequence: placed(lowered) };
  }

  /** The tensors in the order of the inputs. */
  #tensorsOf(inputs: unknown): TensorParts[] {
    const named = inputs instanceof Tensor ? this.#only(inputs) : inputs;
    if (typeof named !== "object" || named === null) {
      throw new TypeError(
        `Network: the inputs must be tensors by their names, but are ${describe(inputs)}`,
      );
    }
    const names = this.inputs.map(({ name }) => name);
    for (const name of Object.keys(named)) {
      if (!names.includes(name)) {
        throw new TypeError(
          `Network: there is no input ${JSON.stringify(name)}${didYouMean(name, names)} ` +
            `The inputs are ${names.join(", ")}`,
        );
      }
    }
    return this.inputs.map((input) => checkInput(input, Reflect.get(named, input.name)));
  }

  #only(tensor: AnyTensor): NetworkTensors {
    const [first, ...others] = this.inputs;
    if (first !== undefined && others.length === 0) return { [first.name]: tensor };
    throw new TypeError(
      `Network: there are ${this.inputs.length} inputs, each of which takes a tensor by its name`,
    );
  }

  #named(
    { lowered }: Prepared,
    arrays: readonly Float32Array<ArrayBuffer>[],
  ): Record<string, Tensor> {
    return Object.fromEntries(this.outputs.map(({ name }, i) => {
      const data = arrays[i] ?? new Float32Array(0);
      return [name, new Tensor(data, lowered.outputs[i]?.shape ?? [])];
    }));
  }
}

function valueOf({ name, shape }: OnnxValueInfo): NetworkValue {
  return Object.freeze({ name, shape: shape && Object.freeze([...shape]) });
}

/** @throws If it is no tensor of the shape that an input says. */
function checkInput({ name, shape }: NetworkValue, value: unknown): TensorParts {
  if (!(value instanceof Tensor)) {
    throw new TypeError(
      `Network: input ${JSON.stringify(name)} must be a Tensor, but is ${describe(value)}`,
    );
  }
  const parts = partsOf(value);
  const isRight = shape === null ||
    shape.length === parts.shape.length &&
      shape.every((size, axis) => typeof size !== "number" || size === parts.shape[axis]);
  if (isRight) return parts;
  const wanted = `[${shape.map((size) => size ?? "?").join(", ")}]`;
  throw new RangeError(
    `Network: input ${JSON.stringify(name)} must have shape ${wanted}, but has ` +
      describeShape(parts.shape),
  );
}

/**
 * A network that computes: named tensors in, named tensors out.
 *
 * @module
 */

import {
  checkInteger,
  checkOptionNames,
  describe,
  describeShape,
  didYouMean,
} from "../base/checks.ts";
import { defaultEngine, type Engine } from "../engine/engine.ts";
import { runSequence, runSequenceSync } from "../execution/sequence.ts";
import { checkTensor } from "../layers/call.ts";
import { checkEngine } from "../layers/compute.ts";
import type { OnnxModel, OnnxValueInfo } from "../io/models/onnx/model.ts";
import { checkShape } from "../tensor/shape.ts";
import { type AnyTensor, Tensor, type TensorParts } from "../tensor/tensor.ts";
import { explainSteps, type NetworkExplanation } from "./explain.ts";
import { fuse } from "./fuse.ts";
import { layersOf, type NetworkLayer } from "./layers.ts";
import { checkKinds, checkOperators, knownValues, lower } from "./lower.ts";
import { mostBytes, placed, type Placement } from "./place.ts";
import { type NetworkProfile, type NetworkProfileOptions, profile, profileOf } from "./profile.ts";
import type { Lowered } from "./graph/steps.ts";
import type { Value } from "./graph/values.ts";

/** Options of a network. */
export interface NetworkOptions {
  /** Who computes. Default: an engine that all calls share, with one thread per core. */
  readonly engine?: Engine;
}

/** An input or output. */
export interface NetworkValue {
  /** What the file calls it. */
  readonly name: string;
  /** The size of each axis, a name or `null` where it is open; `null` if nothing is said of the axes. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** Shapes by the names of the inputs. */
export type NetworkShapes = Readonly<Record<string, readonly number[]>>;

/** Tensors by their names. */
export type NetworkTensors = Readonly<Record<string, AnyTensor>>;

/** Shapes that are prepared for, at most: the one that was longest not asked for makes room for a new one. */
const MOST_PREPARED = 8;

/** What is computed for inputs of some shapes. */
interface Prepared extends Placement {
  readonly lowered: Lowered;
}

let makeNetwork: (name: string, model: OnnxModel, options: NetworkOptions) => Network;

/**
 * A convolutional network. What it computes is planned for the shapes of the inputs that come, and kept for the next
 * ones of the same shapes: normalisations go into the weights, activations and sums are computed with the convolutions,
 * and what a step makes stays in the engine's memory until the last one has read it.
 */
export class Network {
  static {
    makeNetwork = (name, model, options) => new Network(name, model, options);
  }

  /** What it takes. */
  readonly inputs: readonly NetworkValue[];
  /** What it makes. */
  readonly outputs: readonly NetworkValue[];
  readonly #model: OnnxModel;
  readonly #engine: Engine | undefined;
  readonly #known: ReadonlyMap<string, Value>;
  readonly #prepared = new Map<string, Prepared>();

  private constructor(name: string, model: OnnxModel, options: NetworkOptions) {
    checkOptionNames(name, options, ["engine"]);
    const engine = checkEngine(name, options.engine);
    checkOperators(model);
    checkKinds(model);
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

  /** The layers that have weights, in their order. Their tensors are copies, made at every read. */
  get layers(): readonly NetworkLayer[] {
    return layersOf(this.#model, this.#known);
  }

  /**
   * What is done for inputs of some shapes, step by step.
   *
   * @param shapes The shape of each input, by its name, or of the only one. Default: the shapes that the file says.
   * @throws {TypeError} If one is missing, unknown or no array.
   * @throws {RangeError} If one does not fit, or the file leaves sizes open and none is given.
   */
  explain(shapes?: NetworkShapes | readonly number[]): NetworkExplanation {
    const { lowered, sequence } = this.#preparedFor(this.#shapesOf(shapes));
    return explainSteps(this.#engine ?? defaultEngine(), lowered, mostBytes(sequence));
  }

  /**
   * Computes the outputs several times, and says how long each step takes.
   *
   * @param inputs A tensor for each input, by its name, or a single one for the only input.
   * @param options How often, after two times that do not count.
   * @returns The steps with the medians of their times.
   * @throws {TypeError} If an input is missing, unknown or not a tensor, or an option unknown.
   * @throws {RangeError} If a shape does not fit, or the number of times is none.
   */
  profileSync(
    inputs: NetworkTensors | AnyTensor,
    options: NetworkProfileOptions = {},
  ): NetworkProfile {
    checkOptionNames("Network", options, ["repeat"]);
    const repeat = checkInteger("Network", "repeat", options.repeat ?? 10, 1);
    const { tensors, prepared } = this.#call(inputs);
    const engine = this.#engine ?? defaultEngine();
    const values = tensors.map(({ values }) => values);
    const { lowered, sequence, origins } = prepared;
    const times = profile(engine, sequence, values, repeat);
    return profileOf(explainSteps(engine, lowered, mostBytes(sequence)), origins, times);
  }

  #call(inputs: unknown): { tensors: readonly TensorParts[]; prepared: Prepared } {
    const tensors = this.#tensorsOf(inputs);
    return { tensors, prepared: this.#preparedFor(tensors.map(({ shape }) => shape)) };
  }

  #preparedFor(shapes: readonly (readonly number[])[]): Prepared {
    const key = JSON.stringify(shapes);
    const prepared = this.#prepared.get(key) ?? this.#prepare(shapes);
    this.#prepared.delete(key);
    this.#prepared.set(key, prepared);
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size > MOST_PREPARED && oldest !== undefined) this.#prepared.delete(oldest);
    return prepared;
  }

  #prepare(shapes: readonly (readonly number[])[]): Prepared {
    const lowered = fuse(lower(this.#model, this.#known, shapes));
    return { lowered, ...placed(lowered) };
  }

  /** The tensors in the order of the inputs. */
  #tensorsOf(inputs: unknown): TensorParts[] {
    const named = inputs instanceof Tensor ? this.#only(inputs) : inputs;
    return this.#inOrder(named, "tensors").map((value, i) => checkInput(this.inputs[i], value));
  }

  /** The shapes in the order of the inputs; where none are given, those of the file. */
  #shapesOf(shapes: unknown): (readonly number[])[] {
    if (shapes === undefined) {
      return this.inputs.map(({ name, shape }) => {
        if (shape?.every((size) => typeof size === "number")) return shape;
        throw new RangeError(
          `Network: the file leaves the shape of input ${JSON.stringify(name)} open: ` +
            `${describeOpen(shape)}; give one`,
        );
      });
    }
    const named = Array.isArray(shapes) ? this.#only(shapes) : shapes;
    return this.#inOrder(named, "shapes").map((value, i) => {
      const shape = checkShape("Network", value);
      checkInputShape(this.inputs[i], shape);
      return shape;
    });
  }

  /** What is given for each input. */
  #inOrder(named: unknown, what: string): unknown[] {
    if (typeof named !== "object" || named === null) {
      throw new TypeError(
        `Network: the inputs must be ${what} by their names, but are ${describe(named)}`,
      );
    }
    const names = this.inputs.map(({ name }) => name);
    const unknown = Object.keys(named).find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw new TypeError(
        `Network: there is no input ${JSON.stringify(unknown)} among ${names.join(", ")}` +
          didYouMean(unknown, names),
      );
    }
    return names.map((name) => Object.hasOwn(named, name) ? Reflect.get(named, name) : undefined);
  }

  #only<Given>(given: Given): Record<string, Given> {
    const [first, ...others] = this.inputs;
    if (first !== undefined && others.length === 0) return { [first.name]: given };
    throw new TypeError(
      `Network: there are ${this.inputs.length} inputs, each of which is given by its name`,
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

/**
 * Makes a network of a model.
 *
 * @param name How error messages call what makes it.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If an operator is unknown.
 */
export function networkOf(name: string, model: OnnxModel, options: NetworkOptions): Network {
  return makeNetwork(name, model, options);
}

function valueOf({ name, shape }: OnnxValueInfo): NetworkValue {
  return Object.freeze({ name, shape: shape && Object.freeze([...shape]) });
}

/** @throws {TypeError | RangeError} If it is no tensor of the shape that an input says. */
function checkInput(input: NetworkValue | undefined, value: unknown): TensorParts {
  const parts = checkTensor("Network", `input ${JSON.stringify(input?.name)}`, value);
  checkInputShape(input, parts.shape);
  return parts;
}

function checkInputShape(input: NetworkValue | undefined, shape: readonly number[]): void {
  const wanted = input?.shape ?? null;
  const isRight = wanted === null ||
    wanted.length === shape.length &&
      wanted.every((size, axis) => typeof size !== "number" || size === shape[axis]);
  if (isRight) return;
  throw new RangeError(
    `Network: input ${JSON.stringify(input?.name)} must have shape ${describeOpen(wanted)}, but ` +
      `has ${describeShape(shape)}`,
  );
}

function describeOpen(shape: NetworkValue["shape"]): string {
  return shape === null ? "any" : `[${shape.map((size) => size ?? "?").join(", ")}]`;
}

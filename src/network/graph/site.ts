/**
 * What an operator sees of its node, and how it says what is to be computed.
 *
 * @module
 */

import { describeShape } from "../../base/checks.ts";
import { product } from "../../base/numbers.ts";
import { NO_EPILOGUE } from "../../convolution/epilogue.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import type {
  ElementKind,
  OnnxAttribute,
  OnnxNode,
  OnnxTensor,
} from "../../io/models/onnx/model.ts";
import type { ElementMap } from "../../kernels/maps/elements.ts";
import type { MapWork } from "../../kernels/maps/work.ts";
import type { Budget } from "./budget.ts";
import { elementPrograms, withNumbers } from "./elements.ts";
import type { Meaning, NetworkStep } from "./steps.ts";
import {
  type Computed,
  computedOf,
  type Constant,
  constantOf,
  type Numbers,
  numbersOf,
  type Value,
} from "./values.ts";
import type { ConvolutionWeights } from "./weights.ts";

/** Something to be computed from values, of which some may be known. */
export interface MapRequest {
  readonly inputs: readonly Value[];
  readonly shape: readonly number[];
  /** What it makes of constants; of others, numbers of floating point. Default: what the first input is. */
  readonly kind?: ElementKind;
  readonly meaning?: Meaning | null;
  readonly compute: (inputs: readonly Numbers[], output: Numbers) => void;
  /** Has the threads do the same, with buffers for all inputs; `null` if there are no programs for it. */
  readonly plan?: (target: Target) => MapWork | null;
  /** The same where it goes element by element. */
  readonly elements?: ElementMap;
}

/** A convolution of values. */
export interface ConvolutionRequest {
  readonly geometry: Geometry;
  readonly weights: ConvolutionWeights;
  readonly input: Value;
  readonly shape: readonly number[];
}

/** Makes the values of one node. */
export type Operator = (site: Site) => Value | readonly Value[];

/** More elements are no tensor of a network, but a file that is wrong: a gigabyte. */
const MOST_ELEMENTS = 2 ** 28;

/** More axes are none that a network has. */
const MOST_AXES = 32;

/** A node with the values that it is applied to. */
export class Site {
  readonly opset: number;
  readonly #node: OnnxNode;
  readonly #inputs: readonly (Value | null)[];
  readonly #steps: NetworkStep[];
  readonly #budget: Budget;

  /**
   * @param steps Where steps are added.
   * @param budget For constants that are computed.
   */
  constructor(
    node: OnnxNode,
    opset: number,
    inputs: readonly (Value | null)[],
    steps: NetworkStep[],
    budget: Budget,
  ) {
    this.#node = node;
    this.opset = opset;
    this.#inputs = inputs;
    this.#steps = steps;
    this.#budget = budget;
  }

  /** An identity that is the same for every shape of the inputs. */
  get node(): OnnxNode {
    return this.#node;
  }

  /** @throws {RangeError} With where it happened. */
  fail(message: string): never {
    throw new RangeError(`${describeNode(this.#node)}: ${message}`);
  }

  /** How many inputs are named. */
  get inputCount(): number {
    return this.#inputs.length;
  }

  /** All inputs, none of which may be left out. */
  get inputs(): readonly Value[] {
    return this.#inputs.map((_, i) => this.input(i));
  }

  input(index: number): Value {
    return this.optional(index) ?? this.fail(`input ${index} is missing`);
  }

  optional(index: number): Value | null {
    return this.#inputs[index] ?? null;
  }

  /** An input whose values have to be known. */
  constant(index: number): Constant {
    return this.optionalConstant(index) ?? this.fail(`input ${index} is missing`);
  }

  optionalConstant(index: number): Constant | null {
    const value = this.optional(index);
    if (value === null || value.isConstant) return value;
    return this.fail(`input ${index} must be constant, but is computed from the network's inputs`);
  }

  /** An attribute's number. */
  number(name: string, standard: number): number {
    const attribute = this.#attribute(name, ["int", "float"]);
    return attribute === null ? standard : attribute.value;
  }

  text(name: string, standard: string): string {
    return this.#attribute(name, ["string"])?.value ?? standard;
  }

  numbers(name: string): readonly number[] | null {
    return this.#attribute(name, ["ints", "floats"])?.value ?? null;
  }

  tensor(name: string): OnnxTensor | null {
    return this.#attribute(name, ["tensor"])?.value ?? null;
  }

  /** Whole numbers from an attribute, or in newer versions of the operator from an input. */
  list(name: string, input: number): readonly number[] | null {
    const value = this.optionalConstant(input);
    return value === null ? this.numbers(name) : [...value.data];
  }

  #attribute<Kind extends OnnxAttribute["kind"]>(
    name: string,
    kinds: readonly Kind[],
  ): Extract<OnnxAttribute, { kind: Kind }> | null {
    const attribute = this.#node.attributes.get(name);
    if (attribute === undefined) return null;
    const isOne = (value: OnnxAttribute): value is Extract<OnnxAttribute, { kind: Kind }> =>
      kinds.some((kind) => kind === value.kind);
    if (isOne(attribute)) return attribute;
    return this.fail(`${name} must be ${kinds.join(" or ")}, but is ${attribute.kind}`);
  }

  /** An axis that may be counted from the end. */
  axis(axis: number, rank: number): number {
    const index = axis < 0 ? axis + rank : axis;
    if (Number.isInteger(index) && index >= 0 && index < rank) return index;
    return this.fail(`there is no axis ${axis} in a tensor of ${rank} axes`);
  }

  /** A number of elements, or of indices along an axis. */
  count(count: number): number {
    if (Number.isInteger(count) && count >= 0 && count <= MOST_ELEMENTS) return count;
    return this.fail(`sizes must be integers of 0 to ${MOST_ELEMENTS}, but one is ${count}`);
  }

  /** The shape of something that is made. An axis without elements does not make up for one of too many. */
  made(shape: readonly number[]): readonly number[] {
    this.#checkAxes(shape);
    shape.forEach((size) => this.count(size));
    this.count(product(shape.filter((size) => size > 0)));
    return shape;
  }

  /** Indices along each axis that a step keeps. */
  kept<Indices extends ArrayLike<number>>(along: readonly Indices[]): readonly Indices[] {
    const count = along.reduce((sum, { length }) => sum + length, 0);
    if (this.#budget.takeIndices(count)) return along;
    return this.fail(`${count} indices along its axes are more than may be kept`);
  }

  /** The shape of a constant that is computed. */
  computedNow(shape: readonly number[]): readonly number[] {
    const count = product(this.made(shape));
    if (this.#budget.take(count)) return shape;
    return this.fail(`${count} elements are more than may be computed while a network is prepared`);
  }

  /** A constant. */
  known(kind: ElementKind, shape: readonly number[], numbers: ArrayLike<number>): Constant {
    return constantOf(kind, shape, numbers);
  }

  /** The same elements with another shape. */
  view(value: Value, shape: readonly number[]): Value {
    if (product(shape) !== product(value.shape)) {
      this.fail(`shape ${describeShape(value.shape)} does not become ${describeShape(shape)}`);
    }
    this.#checkAxes(shape);
    return { ...value, shape };
  }

  #checkAxes({ length }: readonly number[]): void {
    if (length > MOST_AXES) this.fail(`a tensor has ${MOST_AXES} axes at most, but not ${length}`);
  }

  /** Something computed from values: at once where all of them are known. */
  map({ inputs, shape, kind, meaning = null, compute, plan, elements }: MapRequest): Value {
    this.made(shape);
    if (inputs.every((value) => value.isConstant)) {
      this.computedNow(shape);
      const made = kind ?? inputs[0]?.kind ?? "float";
      const data = numbersOf(made, product(shape));
      compute(inputs.map(({ data }) => data), data);
      return { isConstant: true, kind: made, shape, data };
    }
    if (kind !== undefined && kind !== "float") {
      this.fail("only constants can be integers or booleans here");
    }
    const output = computedOf(shape);
    const computed = inputs.filter((value) => !value.isConstant);
    const map = elements === undefined ? null : withNumbers(elements, inputs);
    const planned = plan === undefined ? null : { operands: operandsOf(inputs), plan };
    this.#steps.push({
      kind: "map",
      ...this.#origin,
      elements: map,
      links: 1,
      programs: map === null ? planned : elementPrograms(map, computed.length),
      inputs: computed.map(({ storage }) => storage),
      output: output.storage,
      shape,
      meaning,
      compute: (arrays, target) => {
        let next = 0;
        compute(
          inputs.map((value) => value.isConstant ? value.data : arrays[next++] ?? target),
          target,
        );
      },
    });
    return output;
  }

  /** Values one behind the other. */
  concatenate(values: readonly Value[], shape: readonly number[]): Value {
    const output = computedOf(this.made(shape));
    const inputs = values.map((value) => this.computed(value).storage);
    this.#steps.push({
      kind: "concatenation",
      ...this.#origin,
      shape,
      inputs,
      output: output.storage,
    });
    return output;
  }

  convolution({ geometry, weights, input, shape }: ConvolutionRequest): Value {
    const output = computedOf(this.made(shape));
    const { storage } = this.computed(input);
    this.#steps.push({
      kind: "convolution",
      ...this.#origin,
      shape,
      geometry,
      weights,
      activation: NO_EPILOGUE,
      input: storage,
      add: null,
      output: output.storage,
    });
    return output;
  }

  /** A value as one that steps compute. */
  computed(value: Value): Computed {
    if (!value.isConstant) return value;
    const output = computedOf(value.shape);
    this.#steps.push({
      kind: "map",
      ...this.#origin,
      inputs: [],
      output: output.storage,
      shape: value.shape,
      meaning: null,
      elements: null,
      links: 1,
      programs: null,
      compute: (_, target) => target.set(value.data),
    });
    return output;
  }

  get #origin() {
    return { operator: this.#node.operator, node: this.#node.name };
  }
}

/** Which computed input each is, or its numbers. */
function operandsOf(inputs: readonly Value[]): (number | Float32Array)[] {
  let next = 0;
  return inputs.map((value) => {
    if (!value.isConstant) return next++;
    return value.data instanceof Float32Array ? value.data : Float32Array.from(value.data);
  });
}

/** How error messages call a node. */
export function describeNode({ operator, domain, name, outputs }: OnnxNode): string {
  const full = domain === "" ? operator : `${domain}.${operator}`;
  return `${full} ${JSON.stringify(name === "" ? outputs[0] ?? "" : name)}`;
}

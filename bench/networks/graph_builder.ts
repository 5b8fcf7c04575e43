/**
 * ONNX models as plain data, in few words.
 *
 * @module
 */

import { product } from "../../src/base/numbers.ts";
import type {
  OnnxAttribute,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from "../../src/io/models/onnx/model.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** Attributes: whole numbers are given as such, others by the functions below. */
export type Attributes = Readonly<Record<string, OnnxAttribute>>;

export const int = (value: number): OnnxAttribute => ({ kind: "int", value });
export const float = (value: number): OnnxAttribute => ({ kind: "float", value });
export const text = (value: string): OnnxAttribute => ({ kind: "string", value });
export const intList = (value: readonly number[]): OnnxAttribute => ({ kind: "ints", value });
export const floatList = (value: readonly number[]): OnnxAttribute => ({ kind: "floats", value });

/** A tensor of whole numbers. */
export function ints(
  values: readonly number[],
  shape: readonly number[] = [values.length],
): OnnxTensor {
  return { kind: "int", shape, data: Float64Array.from(values) };
}

/** A tensor of floating-point numbers. */
export function floats(
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): OnnxTensor {
  return { kind: "float", shape, data: Float32Array.from(values) };
}

/** Normally distributed numbers, always the same for the same seed. */
export function drawn(shape: readonly number[], seed: number, factor = 1): OnnxTensor {
  const { data } = Tensor.randn([product(shape)], { seed });
  return { kind: "float", shape, data: data.map((value) => value * factor) };
}

/** The same, from 0.5 on. */
export function drawnPositive(shape: readonly number[], seed: number): OnnxTensor {
  const { data } = drawn(shape, seed);
  return { kind: "float", shape, data: Float32Array.from(data, (value) => 0.5 + Math.abs(value)) };
}

/** A node of ONNX's own domain that is called by its first output. */
export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Attributes = {},
): OnnxNode {
  const [name = ""] = outputs;
  return {
    name,
    operator,
    domain: "",
    inputs,
    outputs,
    attributes: new Map(Object.entries(attributes)),
  };
}

/** What a graph is made of. */
export interface GraphParts {
  readonly opset?: number;
  readonly nodes: readonly OnnxNode[];
  readonly constants?: Readonly<Record<string, OnnxTensor>>;
  readonly inputs: Readonly<Record<string, OnnxValueInfo["shape"]>>;
  readonly outputs: readonly string[];
}

/** A model whose inputs and outputs are of floating-point numbers. */
export function modelOf(
  { opset = 17, nodes, constants = {}, inputs, outputs }: GraphParts,
): OnnxModel {
  return {
    opsets: new Map([["", opset]]),
    graph: {
      name: "network",
      nodes,
      initializers: new Map(Object.entries(constants)),
      inputs: Object.entries(inputs).map(([name, shape]) => ({ name, kind: "float", shape })),
      outputs: outputs.map((name) => ({ name, kind: "float", shape: null })),
    },
  };
}

/** Builds a graph node by node: each call gives the name of what it makes. */
export class GraphBuilder {
  readonly #nodes: OnnxNode[] = [];
  readonly #constants: Record<string, OnnxTensor> = {};
  #seed: number;

  /** @param seed Of all weights that are drawn. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  constant(tensor: OnnxTensor): string {
    const name = `constant_${Object.keys(this.#constants).length}`;
    this.#constants[name] = tensor;
    return name;
  }

  /** Drawn numbers. */
  drawn(shape: readonly number[], factor = 1): string {
    return this.constant(drawn(shape, this.#seed++, factor));
  }

  /** Drawn numbers from 0.5 on. */
  drawnPositive(shape: readonly number[]): string {
    return this.constant(drawnPositive(shape, this.#seed++));
  }

  /** A node of one output. */
  add(operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = `${operator}_${this.#nodes.length}`;
    this.#nodes.push(node(operator, inputs, [name], attributes));
    return name;
  }

  model(
    inputs: GraphParts["inputs"],
    outputs: readonly string[],
    opset = 17,
  ): OnnxModel {
    return modelOf({ opset, nodes: this.#nodes, constants: this.#constants, inputs, outputs });
  }
}

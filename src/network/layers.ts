/**
 * The layers of a network that have weights.
 *
 * @module
 */

import type { OnnxModel, OnnxNode } from "../io/models/onnx/model.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Value } from "./graph/values.ts";

/** A layer with weights. */
export interface NetworkLayer {
  /** The name of its node, or of its output if it has none. */
  readonly name: string;
  /** `Conv`, `ConvTranspose`, `Gemm` or `MatMul`. */
  readonly operator: string;
  /** As the file has it: of convolutions `(out, in / groups, k...)`, of transposed ones `(in, out / groups, k...)`. */
  readonly weight: Tensor;
  /** `null` if it has none. */
  readonly bias: Tensor | null;
}

const WEIGHTED: readonly string[] = ["Conv", "ConvTranspose", "Gemm", "MatMul"];

/** The layers, with copies of their weights. */
export function layersOf(
  { graph }: OnnxModel,
  known: ReadonlyMap<string, Value>,
): readonly NetworkLayer[] {
  return graph.nodes.filter(({ operator }) => WEIGHTED.includes(operator)).flatMap((node) =>
    layerOf(node, known) ?? []
  );
}

function layerOf(node: OnnxNode, known: ReadonlyMap<string, Value>): NetworkLayer | null {
  const { name, operator, inputs, outputs } = node;
  const tensors = inputs.map((input) => tensorOf(known.get(input)));
  // One of the two sides of a product.
  const weight = tensors[1] ?? (operator === "MatMul" ? tensors[0] : null) ?? null;
  if (weight === null) return null;
  const bias = operator === "MatMul" ? null : tensors[2] ?? null;
  return { name: name === "" ? outputs[0] ?? "" : name, operator, weight, bias };
}

function tensorOf(value: Value | undefined): Tensor | null {
  if (value === undefined || !value.isConstant) return null;
  return new Tensor(Float32Array.from(value.data), value.shape);
}

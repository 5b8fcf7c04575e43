/**
 * The weights of nodes, which are made once.
 *
 * @module
 */

import type { OnnxNode } from "../../io/models/onnx/model.ts";
import type { Site } from "../graph/site.ts";
import type { Numbers } from "../graph/values.ts";
import type { ConvolutionWeights } from "../graph/weights.ts";

/** Weights by the node that they are of, and by what they are made of. */
const known = new WeakMap<OnnxNode, { of: readonly Numbers[]; weights: ConvolutionWeights }>();

/** The weights of a node: the same ones as long as they are made of the same constants. */
export function weightsOf(
  { node }: Site,
  of: readonly Numbers[],
  make: () => ConvolutionWeights,
): ConvolutionWeights {
  const last = known.get(node);
  if (last?.of.length === of.length && last.of.every((numbers, i) => numbers === of[i])) {
    return last.weights;
  }
  const weights = make();
  known.set(node, { of, weights });
  return weights;
}

/** Numbers of floating point. */
export function floats(data: Numbers): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

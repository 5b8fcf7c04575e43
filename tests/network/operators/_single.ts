/**
 * Single operators in random configurations, beside ONNX Runtime.
 *
 * @module
 */

import * as fc from "fast-check";
import type { OnnxModel, OnnxTensor } from "../../../src/io/models/onnx/model.ts";
import { draws } from "../../_depth.ts";
import { type Attributes, modelOf, node } from "../_models.ts";
import { assertSameAsOracle, type Comparison, type Results } from "../_oracle.ts";

/** What a node is given: something that is computed, a constant, or nothing. */
export type Argument =
  | { readonly given: OnnxTensor }
  | { readonly known: OnnxTensor }
  | null;

/** A node by itself. */
export interface Single {
  readonly operator: string;
  readonly opset: number;
  readonly attributes?: Attributes;
  readonly inputs: readonly Argument[];
  /** How many. Default: 1. */
  readonly outputs?: number;
}

export const given = (tensor: OnnxTensor): Argument => ({ given: tensor });
export const known = (tensor: OnnxTensor): Argument => ({ known: tensor });

/** A model of the node alone, and what is given to it. */
export function singleModel(
  { operator, opset, attributes = {}, inputs, outputs = 1 }: Single,
): { model: OnnxModel; call: Results } {
  const constants: Record<string, OnnxTensor> = {};
  const call: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  const names = inputs.map((argument, i) => {
    if (argument === null) return "";
    const name = `x${i}`;
    if ("known" in argument) constants[name] = argument.known;
    else if (argument.given.kind === "float") {
      call[name] = argument.given;
    }
    return name;
  });
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const model = modelOf({
    opset,
    nodes: [node(operator, names, results, attributes)],
    constants,
    // Open sizes: the same network takes other ones.
    inputs: Object.fromEntries(
      Object.entries(call).map(([name, { shape }]) => [name, shape.map(() => null)]),
    ),
    outputs: results,
  });
  return { model, call };
}

/** Sees to it that nodes compute what ONNX Runtime's do. */
export function compareSingles(
  singles: fc.Arbitrary<Single>,
  count: number,
  comparison: Comparison = {},
): Promise<void> {
  return compareModels(singles.map(singleModel), count, comparison);
}

/** The same of whole models. */
export function compareModels(
  models: fc.Arbitrary<{ model: OnnxModel; call: Results }>,
  count: number,
  comparison: Comparison = {},
): Promise<void> {
  return fc.assert(
    fc.asyncProperty(models, ({ model, call }) => assertSameAsOracle(model, [call], comparison)),
    { seed: 42, numRuns: draws(count), endOnFailure: true },
  );
}

/** A shape of so many axes. */
export function shapes(least: number, most: number, largest = 5): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max: largest }), { minLength: least, maxLength: most });
}

/** So many numbers, each from a range. */
export function listOf(count: number, min: number, max: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min, max }), { minLength: count, maxLength: count });
}

/** A subset of the axes in any order, each of which may be counted from the end. */
export function axesOf(rank: number, least = 1): fc.Arbitrary<number[]> {
  const all = Array.from({ length: rank }, (_, i) => i);
  return fc.tuple(fc.shuffledSubarray(all, { minLength: least }), listOf(rank, 0, 1)).map(
    ([axes, signs]) => axes.map((axis, i) => signs[i] === 1 ? axis - rank : axis),
  );
}

/** A shape that is broadcast to another one: axes of size 1, or fewer of them. */
export function broadcastable(shape: readonly number[]): fc.Arbitrary<number[]> {
  return fc.tuple(listOf(shape.length, 0, 2), fc.nat(shape.length)).map(([ones, missing]) =>
    shape.map((size, axis) => ones[axis] === 0 ? 1 : size).slice(missing)
  );
}

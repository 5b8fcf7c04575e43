/**
 * Weight normalisation: PyTorch's `weight_norm` keeps a weight as its direction `v` and its length `g`.
 *
 * @module
 */

import { product } from "../base/numbers.ts";
import { sameShape } from "../tensor/shape.ts";
import { checkTensor } from "./call.ts";
import {
  exactShape,
  type ExpectedShape,
  incompleteSource,
  type Misfit,
  type StateSource,
} from "./state_source.ts";

/**
 * The parameter that the lengths and directions of a dictionary make, by the names of
 * `torch.nn.utils.weight_norm` or of `torch.nn.utils.parametrizations.weight_norm`.
 *
 * @param where Who looks, for error messages.
 * @param begin How the names of the layer begin.
 * @param parameter What the layer calls it.
 * @param dict The dictionary.
 * @returns It, or `undefined` if the dictionary has neither.
 * @throws {TypeError} If one of them is not a tensor.
 */
export function weightNormSource(
  where: string,
  begin: string,
  parameter: string,
  dict: ReadonlyMap<string, unknown>,
): StateSource | undefined {
  const parametrized = `${begin}parametrizations.${parameter}.original`;
  const name = begin + parameter;
  // Spectral normalisation has a `weight_v` as well, which is something else.
  if (dict.has(`${name}_orig`)) return undefined;
  const names = [
    { g: `${name}_g`, v: `${name}_v` },
    { g: `${parametrized}0`, v: `${parametrized}1` },
  ].find(({ g, v }) => dict.has(g) || dict.has(v));
  if (names === undefined) return undefined;
  const { g, v } = names;
  const [found, missing] = [
    [g, v].filter((name) => dict.has(name)),
    [g, v].filter((name) => !dict.has(name)),
  ];
  if (missing.length > 0) return incompleteSource(found, missing);
  const length = checkTensor(where, g, dict.get(g));
  const direction = checkTensor(where, v, dict.get(v));
  return {
    names: found,
    missing: [],
    misfits: (expected) => misfits({ g, v }, length.shape, direction.shape, expected),
    read: () => ({
      shape: direction.shape,
      elements: normalised(
        direction.values.elements,
        length.values.elements,
        direction.shape,
        axisOf(length.shape),
      ),
    }),
  };
}

function misfits(
  { g, v }: { readonly g: string; readonly v: string },
  lengthShape: readonly number[],
  directionShape: readonly number[],
  expected: ExpectedShape,
): readonly Misfit[] {
  if (!expected.fits(directionShape)) return [{ name: v, found: directionShape, expected }];
  // One length for everything, or one for each index of one axis.
  const axis = axisOf(lengthShape);
  const of = (kept: number) => directionShape.map((size, axis) => axis === kept ? size : 1);
  if (lengthShape.length === 0 || sameShape(lengthShape, of(axis))) return [];
  return [{ name: g, found: lengthShape, expected: exactShape(of(0)) }];
}

/** The axis that the lengths go along; -1 where there is one for all. */
function axisOf(lengthShape: readonly number[]): number {
  return lengthShape.findIndex((size) => size !== 1);
}

/** `g * v / |v|`, the length taken over all axes but one. */
function normalised(
  direction: Float32Array,
  lengths: Float32Array,
  shape: readonly number[],
  axis: number,
): Float32Array {
  const count = shape[axis] ?? 1;
  const inner = product(shape.slice(axis < 0 ? 0 : axis + 1));
  const squares = new Float64Array(count);
  for (let start = 0, row = 0; start < direction.length; start += inner, row++) {
    let sum = 0;
    for (let i = start; i < start + inner; i++) sum += (direction[i] ?? 0) ** 2;
    squares[row % count] = (squares[row % count] ?? 0) + sum;
  }
  const scales = squares.map((square, index) => (lengths[index] ?? 0) / Math.sqrt(square));
  const result = new Float32Array(direction.length);
  for (let start = 0, row = 0; start < direction.length; start += inner, row++) {
    const scale = scales[row % count] ?? 0;
    for (let i = start; i < start + inner; i++) result[i] = (direction[i] ?? 0) * scale;
  }
  return result;
}

/**
 * Which convolutions can be computed by Winograd's algorithm.
 *
 * @module
 */

import { product } from "../../base/numbers.ts";
import type { AxisUse, AxisUses } from "./parts.ts";
import { MOST_TAPS } from "./transform.ts";

/** The sizes that {@linkcode allowsWinograd} looks at: one number per axis, for 1 to 3 axes. */
export interface AlgorithmSizes {
  readonly transposed: boolean;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Parts of a dilated convolution: each has programs of its own. */
const MOST_PARTS = 64;

/** Terms of the sums, and depth taps: each has programs, or a part of them, of its own. */
export const MOST_TERMS = 16;

/** Whether a convolution can be computed by the algorithm. */
export function allowsWinograd(sizes: AlgorithmSizes): boolean {
  return axisUses(sizes).length > 0;
}

/** In what ways the last two axes can be used such that one of them is transformed, or both. */
export function axisUses(sizes: AlgorithmSizes): AxisUses[] {
  const { transposed, kernel, stride } = sizes;
  if (transposed && kernel.length > 2 && (kernel[0] !== 1 || stride[0] !== 1)) return [];
  if (kernel.length > 2 && (kernel[0] ?? 1) > MOST_TERMS) return [];
  const [height, width] = [axisOf(sizes, -2), axisOf(sizes, -1)];
  // Every stride phase of a transposed convolution needs a tap.
  if (transposed && [height, width].some(({ kernel, stride }) => kernel < stride)) return [];
  return AXIS_USES.filter((uses) => {
    // One tap apart is no other than one tap transformed.
    if (uses.height === "apart" && height.kernel === 1) return false;
    if (uses.width === "apart" && width.kernel === 1) return false;
    const terms = transposed ? phaseTermsOf : termsOf;
    if (terms(height, uses.height) * terms(width, uses.width) > MOST_TERMS) return false;
    const transformed = [
      ...uses.height === "transformed" ? [height] : [],
      ...uses.width === "transformed" ? [width] : [],
    ];
    return transformed.every((axis) => axis.kernel === 1 || isTransformable(axis, transposed)) &&
      transformed.some((axis) => isTransformable(axis, transposed)) &&
      product(transformed.map((axis) => partsOf(axis))) <= MOST_PARTS;
  });
}

const AXIS_USES: readonly AxisUses[] = [
  { height: "transformed", width: "transformed" },
  { height: "transformed", width: "apart" },
  { height: "apart", width: "transformed" },
];

/** The sizes of one axis. */
interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/** The sizes of an axis, counted from the last; of an axis that is not there they are 1. */
function axisOf({ kernel, stride, dilation }: AlgorithmSizes, index: -1 | -2): Axis {
  const at = (sizes: readonly number[]) => sizes.at(index) ?? 1;
  return { kernel: at(kernel), stride: at(stride), dilation: at(dilation) };
}

/** Whether some outputs side by side see inputs side by side, through more than one tap. */
function isTransformable({ kernel, stride, dilation }: Axis, transposed: boolean): boolean {
  const even = dilation === 1 || stride === 1 && !transposed;
  return even && kernel > stride && kernel <= MOST_TAPS * stride;
}

/** Terms of the sums along an axis. */
function termsOf({ kernel, stride }: Axis, use: AxisUse): number {
  if (use === "apart") return kernel;
  return stride === 1 ? 1 : Math.min(stride, kernel);
}

/** The same of one stride phase of a transposed convolution. */
function phaseTermsOf({ kernel, stride }: Axis, use: AxisUse): number {
  return use === "apart" ? Math.ceil(kernel / stride) : 1;
}

/** Parts with the same weights along an axis. */
function partsOf({ kernel, stride, dilation }: Axis): number {
  return kernel === 1 || stride > 1 ? 1 : dilation;
}

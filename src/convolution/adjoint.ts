/**
 * The convolutions that gradients are.
 *
 * With `g` the gradient of the output, the gradient of a convolution's input is the transposed convolution of
 * `g` with the same weights, and the other way round: each is the other's adjoint. The gradient of the weights is
 * a convolution of the input with `g` as its kernel, in which batch and channels, and stride and dilation, have
 * changed places.
 *
 * @module
 */

import type { Geometry, Triple } from "./geometry.ts";

const AXES = [0, 1, 2] as const;

function eachAxis(size: (axis: 0 | 1 | 2) => number): Triple {
  return [size(AXES[0]), size(AXES[1]), size(AXES[2])];
}

const NO_PADDING: Triple = [0, 0, 0];

/** The sizes of a convolution's input with its padding. */
export function paddedSizes(g: Geometry): Triple {
  return eachAxis((axis) => g.padBegin[axis] + g.input[axis] + g.padEnd[axis]);
}

/** Whether the padding holds values of the input, which then have a part in its gradient. */
export function hasMirroredPadding({ paddingMode, padBegin, padEnd }: Geometry): boolean {
  return paddingMode !== "zeros" && [...padBegin, ...padEnd].some((pad) => pad > 0);
}

/**
 * The convolution, or transposed convolution, that makes of the output's gradient that of the input; where the
 * padding {@linkcode hasMirroredPadding}, that of the padded input. The weights are the same.
 */
export function inputGradientGeometry(g: Geometry): Geometry {
  const adjoint = {
    ...g,
    transposed: !g.transposed,
    inChannels: g.outChannels,
    outChannels: g.inChannels,
    input: g.output,
    paddingMode: "zeros",
    padEnd: NO_PADDING,
  } as const;
  if (!g.transposed) {
    return hasMirroredPadding(g)
      ? { ...adjoint, output: paddedSizes(g), padBegin: NO_PADDING }
      : { ...adjoint, output: g.input };
  }
  const padEnd = eachAxis((axis) => Math.max(0, reachOf(g, axis, g.input[axis]) - g.output[axis]));
  return { ...adjoint, output: g.input, padEnd };
}

/** How far the kernels of so many positions reach along an axis, from the first position of the other side on. */
function reachOf(g: Geometry, axis: 0 | 1 | 2, positions: number): number {
  const kernel = (g.kernel[axis] - 1) * g.dilation[axis] + 1;
  return (positions - 1) * g.stride[axis] + kernel - g.padBegin[axis];
}

/**
 * The convolution that makes the gradient of a convolution's weights: of the input as
 * `(in / groups, groups * batch, ...)`, with the output's gradient as its weight `(out, batch, ...)`, to
 * `(in / groups, out, kernel...)`. The other way round, of such a convolution it makes the one whose weights those are.
 *
 * @param g Not transposed: of a transposed convolution it is its {@linkcode inputGradientGeometry}, with input and
 * output's gradient exchanged.
 */
export function weightGradientGeometry(g: Geometry): Geometry {
  const exchanged = {
    ...g,
    batch: g.inChannels / g.groups,
    inChannels: g.groups * g.batch,
    output: g.kernel,
    kernel: g.output,
    stride: g.dilation,
    dilation: g.stride,
  };
  // Where outputs do not see all of the input, neither do these.
  const padEnd = eachAxis((axis) => Math.max(0, reachOf(g, axis, g.output[axis]) - g.input[axis]));
  return { ...exchanged, padEnd };
}

/**
 * The adjoint of the padding of so many planes of a convolution's input, as the transposed convolution of one tap
 * that it is: the only one with a padding mode.
 */
export function paddingGradientGeometry(g: Geometry, planes: number): Geometry {
  const one: Triple = [1, 1, 1];
  return {
    ...g,
    transposed: true,
    batch: planes,
    inChannels: 1,
    outChannels: 1,
    groups: 1,
    input: paddedSizes(g),
    output: g.input,
    kernel: one,
    stride: one,
    dilation: one,
  };
}

/** What is done to so many elements one by one, as a convolution of one tap. */
export function elementsGeometry(elements: number): Geometry {
  const one: Triple = [1, 1, 1];
  const line: Triple = [1, 1, elements];
  return {
    rank: 1,
    transposed: false,
    batch: 1,
    inChannels: 1,
    outChannels: 1,
    groups: 1,
    input: line,
    output: line,
    kernel: one,
    stride: one,
    dilation: one,
    padBegin: NO_PADDING,
    padEnd: NO_PADDING,
    paddingMode: "zeros",
  };
}

/**
 * The convolution that makes the gradient of biases: of the output's gradient as `(1, batch * out, ...)`, each channel
 * with a kernel of ones as large as its plane, to `(1, out, 1...)`.
 */
export function biasGradientGeometry(
  g: Pick<Geometry, "rank" | "batch" | "outChannels" | "output">,
): Geometry {
  const ones: Triple = [1, 1, 1];
  return {
    rank: g.rank,
    transposed: false,
    batch: 1,
    inChannels: g.batch * g.outChannels,
    outChannels: g.outChannels,
    groups: g.outChannels,
    input: g.output,
    output: ones,
    kernel: g.output,
    stride: ones,
    dilation: ones,
    padBegin: NO_PADDING,
    padEnd: NO_PADDING,
    paddingMode: "zeros",
  };
}

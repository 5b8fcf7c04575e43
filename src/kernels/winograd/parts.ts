/**
 * Takes a convolution apart into ones that Winograd's algorithm applies to: whose outputs see inputs side
 * by side, or at least evenly spaced, through all taps alike.
 *
 * Along an axis
 *
 * - with dilation `d`, these are the outputs `d` apart, which see inputs `d` apart: `d` parts with the same
 *   weights;
 * - of a transposed convolution, they are the stride phases: parts with weights of their own;
 * - with stride `s`, all outputs are one part, which is a sum over `s` terms: the inputs of a residue, `s`
 *   apart, through every `s`-th tap. A tap that some term lacks is zero;
 * - on which the algorithm is not to be used, each tap is a term of its own.
 *
 * A term of a sum over input channels is another input channel: with as many terms along the height as
 * along the width, a 3x3 kernel with stride 2 is a 2x2 kernel on four times as many channels.
 *
 * @module
 */

import type { Geometry } from "../../convolution/geometry.ts";
import { least, range } from "../../base/numbers.ts";
import { axisPhases } from "../../convolution/residues.ts";

/** Whether the taps along an axis go through the transforms, or each is a term by itself. */
export type AxisUse = "transformed" | "apart";

/** A term of the sum along one axis. */
export interface AxisTerm {
  /** The input position that the first output sees through the first tap; may lie outside. */
  readonly first: number;
  /** Where in the kernel its taps are, by ascending inputs; `null` for one that it lacks. */
  readonly taps: readonly (number | null)[];
}

/** The outputs of a part along one axis. */
export interface AxisPart {
  readonly output: {
    readonly start: number;
    /** From one output to the next. */
    readonly step: number;
    readonly count: number;
  };
  /** Input positions from one output's window to the next's, and from one tap to the next. */
  readonly inputStep: number;
  /** At least one, all with as many taps. */
  readonly terms: readonly AxisTerm[];
}

/** Some outputs of a convolution. */
export interface Part {
  readonly height: AxisPart;
  readonly width: AxisPart;
}

/** The taps of each term along both axes. */
export interface KernelTaps {
  readonly height: readonly AxisTerm["taps"][];
  readonly width: readonly AxisTerm["taps"][];
}

/** All parts with the same weights. */
export interface PartKernel {
  readonly taps: KernelTaps;
  readonly parts: readonly Part[];
}

/** How the two axes are used. */
export interface AxisUses {
  readonly height: AxisUse;
  readonly width: AxisUse;
}

/** The kernels that a convolution is taken apart into. */
export function partKernels(g: Geometry, uses: AxisUses): PartKernel[] {
  const heights = partsByTaps(g, 1, uses.height);
  const widths = partsByTaps(g, 2, uses.width);
  return heights.flatMap((rows) =>
    widths.map((columns) => ({
      taps: { height: tapsOf(rows), width: tapsOf(columns) },
      parts: rows.flatMap((height) => columns.map((width) => ({ height, width }))),
    }))
  );
}

function tapsOf([first]: readonly AxisPart[]): AxisTerm["taps"][] {
  return first?.terms.map(({ taps }) => taps) ?? [];
}

/** Terms of the sums of a kernel. */
export function termsOf({ taps }: PartKernel): number {
  return taps.height.length * taps.width.length;
}

/** The parts along an axis, those with equal taps side by side. */
function partsByTaps(g: Geometry, axis: 1 | 2, use: AxisUse): AxisPart[][] {
  if (g.transposed) return stridePhases(g, axis, use).map((part) => [part]);
  if (use === "apart") return [[tapsApart(g, axis)]];
  return [g.stride[axis] === 1 ? dilationResidues(g, axis) : [strideResidues(g, axis)]];
}

function dilationResidues(g: Geometry, axis: 1 | 2): AxisPart[] {
  const step = g.kernel[axis] === 1 ? 1 : g.dilation[axis];
  const output = g.output[axis];
  return range(Math.min(step, output)).map((start) => ({
    output: { start, step, count: Math.ceil((output - start) / step) },
    inputStep: step,
    terms: [{ first: start - g.padBegin[axis], taps: range(g.kernel[axis]) }],
  }));
}

function strideResidues(g: Geometry, axis: 1 | 2): AxisPart {
  const stride = g.stride[axis];
  const kernel = g.kernel[axis];
  const taps = range(Math.ceil(kernel / stride));
  return {
    output: { start: 0, step: 1, count: g.output[axis] },
    inputStep: stride,
    terms: range(Math.min(stride, kernel)).map((residue) => ({
      first: residue - g.padBegin[axis],
      taps: taps.map((i) => residue + i * stride).map((tap) => tap < kernel ? tap : null),
    })),
  };
}

function tapsApart(g: Geometry, axis: 1 | 2): AxisPart {
  return {
    output: { start: 0, step: 1, count: g.output[axis] },
    inputStep: g.stride[axis],
    terms: range(g.kernel[axis]).map((tap) => ({
      first: tap * g.dilation[axis] - g.padBegin[axis],
      taps: [tap],
    })),
  };
}

function stridePhases(g: Geometry, axis: 1 | 2, use: AxisUse): AxisPart[] {
  return axisPhases(g, axis).map(({ start, count, taps, inputs }) => ({
    output: { start, step: g.stride[axis], count },
    inputStep: 1,
    // Inputs descend as taps ascend.
    terms: use === "transformed"
      ? [{ first: least(inputs), taps: taps.toReversed() }]
      : taps.map((tap, i) => ({ first: inputs[i] ?? 0, taps: [tap] })),
  }));
}

/**
 * Takes a convolution apart into ones that Winograd's algorithm applies to: whose outputs see inputs side
 * by side, or at least evenly spaced, through all taps alike.
 *
 * Along an axis with dilation `d` these are the outputs `d` apart, which see inputs `d` apart: `d` parts
 * with the same weights. Along an axis of a transposed convolution they are the stride phases, each with
 * weights of its own.
 *
 * @module
 */

import type { Geometry } from "../geometry.ts";
import { least, range } from "./numbers.ts";
import { axisPhases } from "./stride_phases.ts";

/** The outputs of a part along one axis. */
export interface AxisPart {
  readonly output: {
    readonly start: number;
    /** From one output to the next. */
    readonly step: number;
    readonly count: number;
  };
  readonly input: {
    /** What the first output sees through the first of its taps; may lie outside. */
    readonly first: number;
    /** From one output's window to the next's, and from one tap to the next. */
    readonly step: number;
  };
  /** Where in the kernel its taps are, by ascending inputs. */
  readonly taps: readonly number[];
}

/** Some outputs of a convolution. */
export interface Part {
  readonly height: AxisPart;
  readonly width: AxisPart;
}

/** All parts with the same weights. */
export interface PartKernel {
  readonly heightTaps: readonly number[];
  readonly widthTaps: readonly number[];
  readonly parts: readonly Part[];
}

/** The kernels that a convolution is taken apart into. */
export function partKernels(g: Geometry): PartKernel[] {
  const heights = partsByTaps(g, 1);
  const widths = partsByTaps(g, 2);
  return heights.flatMap((rows) =>
    widths.map((columns) => ({
      heightTaps: rows[0]?.taps ?? [],
      widthTaps: columns[0]?.taps ?? [],
      parts: rows.flatMap((height) => columns.map((width) => ({ height, width }))),
    }))
  );
}

/** The parts along an axis, those with equal taps side by side. */
function partsByTaps(g: Geometry, axis: 1 | 2): AxisPart[][] {
  return g.transposed ? stridePhases(g, axis).map((part) => [part]) : [dilationResidues(g, axis)];
}

function dilationResidues(g: Geometry, axis: 1 | 2): AxisPart[] {
  const step = g.kernel[axis] === 1 ? 1 : g.dilation[axis];
  const output = g.output[axis];
  return range(Math.min(step, output)).map((start) => ({
    output: { start, step, count: Math.ceil((output - start) / step) },
    input: { first: start - g.padBegin[axis], step },
    taps: range(g.kernel[axis]),
  }));
}

function stridePhases(g: Geometry, axis: 1 | 2): AxisPart[] {
  return axisPhases(g, axis).map(({ start, count, taps, inputs }) => ({
    output: { start, step: g.stride[axis], count },
    // Inputs descend as taps ascend.
    input: { first: least(inputs), step: 1 },
    taps: taps.toReversed(),
  }));
}

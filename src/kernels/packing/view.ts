/**
 * Where the kernels find what they see of an input, where it lies or packed.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import type { PadAxis } from "../../convolution/padding.ts";
import { greatestCommonDivisor, range } from "../../base/numbers.ts";
import { repeated, shiftedTerms, type Terms } from "../common/terms.ts";
import type { PadAxes, PaddedLayout } from "./padded.ts";

/**
 * How columns lie: as they follow one another, so that a column stride is a step from one pixel to the next; or those
 * together that are equal modulo the stride, so that pixels lie side by side.
 */
export type ColumnOrder = "in order" | "by residue";

/** How the kernels see the input: everything in bytes. */
export interface InputView {
  readonly itemPitch: number;
  readonly channelPitch: number;
  /** From the window of one output to the next. */
  readonly depthStep: number;
  readonly rowStep: number;
  readonly pixelStep: number;
  /** From one tap to the next. */
  readonly depthTap: number;
  readonly rowTap: number;
  /** Where each tap of a row finds its pixels. */
  readonly columnTaps: Terms;
}

/** The input where it lies. */
export function plainView(g: Geometry, order: ColumnOrder): InputView {
  const [inDepth, inHeight, inWidth] = g.input;
  const row = inWidth * FLOAT_BYTES;
  const plane = inHeight * row;
  const [dilationD, dilationH, dilationW] = g.dilation;
  return {
    itemPitch: g.inChannels * inDepth * plane,
    channelPitch: inDepth * plane,
    depthStep: g.stride[0] * plane,
    rowStep: g.stride[1] * row,
    pixelStep: order === "in order" ? g.stride[2] * FLOAT_BYTES : FLOAT_BYTES,
    depthTap: dilationD * plane,
    rowTap: dilationH * row,
    columnTaps: repeated(g.kernel[2], dilationW * FLOAT_BYTES, [0]),
  };
}

export function packedAxes(g: Geometry, order: ColumnOrder): PadAxes {
  const isPlain = order === "in order" || countResidues(g) > MOST_RESIDUES;
  const columns = isPlain ? [plainAxis(g, 2)] : columnAxes(g);
  return { depth: plainAxis(g, 0), height: plainAxis(g, 1), columns };
}

/** Packed positions of an axis: all, or every `stride`-th for a single tap. */
function plainAxis(g: Geometry, axis: 0 | 1 | 2): PadAxis {
  const step = packedStep(g, axis);
  const last = (g.output[axis] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis];
  return { count: last / step + 1, step, first: -g.padBegin[axis] };
}

/** With a single tap only every `stride`-th position is ever seen, so only those are packed. */
function packedStep(g: Geometry, axis: 0 | 1 | 2): number {
  return g.kernel[axis] === 1 ? g.stride[axis] : 1;
}

/** The column of a tap: which residue of the stride, and how many packed columns in. */
function columnOf(g: Geometry, tap: number): { residue: number; column: number } {
  const position = tap * g.dilation[2];
  const stride = g.stride[2];
  return { residue: position % stride, column: Math.floor(position / stride) };
}

/** More residues than this are not sorted. */
export const MOST_RESIDUES = 512;

/** Taps after which the residues of the column stride come again. */
function residuePeriod({ stride, dilation }: Geometry): number {
  return stride[2] / greatestCommonDivisor(stride[2], dilation[2]);
}

/** How many residues of the column stride some tap falls on. */
export function countResidues(g: Geometry): number {
  return Math.min(g.kernel[2], residuePeriod(g));
}

/** The residues of the column stride that some tap falls on, each with its last tap's column. */
function residues(g: Geometry): Map<number, number> {
  const period = residuePeriod(g);
  const lastColumns = new Map<number, number>();
  for (const tap of range(countResidues(g))) {
    const last = tap + Math.floor((g.kernel[2] - 1 - tap) / period) * period;
    lastColumns.set(columnOf(g, tap).residue, columnOf(g, last).column);
  }
  return lastColumns;
}

function columnAxes(g: Geometry): PadAxis[] {
  return [...residues(g)].map(([residue, lastColumn]) => ({
    count: g.output[2] + lastColumn,
    step: g.stride[2],
    first: residue - g.padBegin[2],
  }));
}

export function packedView(g: Geometry, layout: PaddedLayout, order: ColumnOrder): InputView {
  const plane = layout.planePitch * FLOAT_BYTES;
  const row = layout.rowPitch * FLOAT_BYTES;
  const view = {
    itemPitch: layout.itemPitch * FLOAT_BYTES,
    channelPitch: layout.channelPitch * FLOAT_BYTES,
    depthStep: g.stride[0] / packedStep(g, 0) * plane,
    rowStep: g.stride[1] / packedStep(g, 1) * row,
    depthTap: g.dilation[0] * plane,
    rowTap: g.dilation[1] * row,
  };
  if (order === "in order") {
    return {
      ...view,
      pixelStep: g.stride[2] / packedStep(g, 2) * FLOAT_BYTES,
      columnTaps: repeated(g.kernel[2], g.dilation[2] * FLOAT_BYTES, [0]),
    };
  }
  return { ...view, pixelStep: FLOAT_BYTES, columnTaps: residueTaps(g, layout) };
}

/** Where each tap of a row finds its pixels, when residues of the column stride lie side by side. */
function residueTaps(g: Geometry, layout: PaddedLayout): Terms {
  const starts = new Map<number, number>();
  let start = 0;
  [...residues(g).keys()].forEach((residue, index) => {
    starts.set(residue, start);
    start += layout.columns[index]?.count ?? 0;
  });
  const first = range(countResidues(g)).map((tap) => {
    const { residue, column } = columnOf(g, tap);
    return ((starts.get(residue) ?? 0) + column) * FLOAT_BYTES;
  });
  const step = first.length * g.dilation[2] / g.stride[2] * FLOAT_BYTES;
  const turns = Math.floor(g.kernel[2] / first.length);
  const rest = first.slice(0, g.kernel[2] % first.length);
  return [...repeated(turns, step, first), ...shiftedTerms(rest, turns * step)];
}

/** Input offset of every tap, in the order of the weights: depth, height, width. */
export function tapOffsets(g: Geometry, view: InputView): Terms {
  const [depth, height] = g.kernel;
  return repeated(depth, view.depthTap, repeated(height, view.rowTap, view.columnTaps));
}

/**
 * The outputs of a transposed convolution along one axis, as runs that see their taps alike.
 *
 * Output `o` lies at `q = o + padBegin = cell * stride + residue`. With `g` the greatest common divisor of
 * stride and dilation, taps `stride / g` apart reach the same residue through inputs `dilation / g` apart,
 * and the first taps of all residues follow one another: residues of taps side by side are `dilation`
 * apart. So however long the stride is, residues with as many taps form few runs, and they are
 * boxes of residues and cells: what one residue sees of the kernel moves by one tap from residue to residue,
 * and what a cell sees of the input by one position from cell to cell.
 *
 * @module
 */

import type { Geometry } from "../../convolution/geometry.ts";
import { range } from "../../base/numbers.ts";
import { tapSteps } from "../../convolution/residues.ts";

/** Outputs along one axis that have as many taps: for each of some cells those of the same residues. */
export interface ResidueRun {
  /** The first output. */
  readonly output: number;
  readonly residues: number;
  /** Outputs from one residue to the next. */
  readonly residueStep: number;
  /** Cells, a stride apart. */
  readonly cells: number;
  /** Taps of each output; without any it is no more than its bias. */
  readonly taps: number;
  /** The first tap of the first residue; it is the next one for the next. */
  readonly firstTap: number;
  /** The input position that the first cell sees through it; the next one for the next cell. */
  readonly input: number;
}

/** The runs of one axis: every output is in one of them. */
export function residueRuns(g: Geometry, axis: 0 | 1 | 2): ResidueRun[] {
  const { kernel, input, dilation, stride } = axisOf(g, axis);
  const steps = tapSteps(g, axis);
  const firstTaps = Math.min(kernel, steps.kernel);
  const longer = kernel % steps.kernel;
  const runs: ResidueRun[] = [];
  const add = (residues: Residues, cells: Cells, seen: Partial<Seen> = {}) => {
    runs.push(...clip(g, axis, residues, cells, { taps: 0, firstTap: 0, origin: 0, ...seen }));
  };
  for (let firstTap = 0; firstTap < firstTaps;) {
    const origin = Math.floor(firstTap * dilation / stride);
    // Residues ascend up to the stride, and those of a last, shorter round of taps come first.
    const end = Math.min(
      firstTaps,
      Math.ceil((origin + 1) * stride / dilation),
      firstTap < longer ? longer : firstTaps,
    );
    const residues = {
      first: firstTap * dilation - origin * stride,
      count: end - firstTap,
      step: dilation,
    };
    const taps = Math.ceil((kernel - firstTap) / steps.kernel);
    const last = origin + input - 1 + (taps - 1) * steps.input;
    add(residues, { first: origin, last }, { taps, firstTap, origin });
    add(residues, { first: -Infinity, last: origin - 1 });
    add(residues, { first: last + 1, last: Infinity });
    firstTap = end;
  }
  for (const residues of freeResidues(stride, dilation, firstTaps)) {
    add(residues, { first: -Infinity, last: Infinity });
  }
  return runs;
}

/** All outputs of an axis, where no tap reaches them whatever their place along it. */
export function bareRun(outputs: number): ResidueRun {
  const seen = { taps: 0, firstTap: 0, input: 0 };
  return { output: 0, residues: outputs, residueStep: 1, cells: 1, ...seen };
}

/** Residues of a stride, evenly spaced. */
interface Residues {
  readonly first: number;
  readonly count: number;
  readonly step: number;
}

interface Cells {
  readonly first: number;
  readonly last: number;
}

/** What a run sees; `origin` is the cell that sees the first input through the first tap. */
interface Seen {
  readonly taps: number;
  readonly firstTap: number;
  readonly origin: number;
}

function axisOf(g: Geometry, axis: 0 | 1 | 2) {
  return {
    kernel: g.kernel[axis],
    input: g.input[axis],
    dilation: g.dilation[axis],
    stride: g.stride[axis],
  };
}

/** What of a box is in the output: whole cells, and one with fewer residues at either end. */
function clip(
  g: Geometry,
  axis: 0 | 1 | 2,
  { first, count, step }: Residues,
  cells: Cells,
  { taps, firstTap, origin }: Seen,
): ResidueRun[] {
  const stride = g.stride[axis];
  const begin = g.padBegin[axis];
  const end = begin + g.output[axis] - 1;
  const last = first + (count - 1) * step;
  const least = Math.max(cells.first, Math.ceil((begin - last) / stride));
  const most = Math.min(cells.last, Math.floor((end - first) / stride));
  const wholeFirst = Math.max(least, Math.ceil((begin - first) / stride));
  const wholeLast = Math.min(most, Math.floor((end - last) / stride));
  const runOf = (cell: number, count: number): ResidueRun[] => {
    const place = cell * stride + first;
    const from = Math.max(0, Math.ceil((begin - place) / step));
    const to = Math.min(last - first, end - place) / step;
    const residues = Math.floor(to) - from + 1;
    if (residues <= 0 || count <= 0) return [];
    return [{
      output: place + from * step - begin,
      residues,
      residueStep: step,
      cells: count,
      taps,
      firstTap: firstTap + from,
      input: cell - origin,
    }];
  };
  const partial = [
    ...range(Math.min(wholeFirst - 1, most) - least + 1).map((i) => least + i),
    ...range(most - Math.max(wholeLast + 1, wholeFirst) + 1).map((i) => most - i),
  ];
  return [
    ...runOf(wholeFirst, wholeLast - wholeFirst + 1),
    ...partial.flatMap((cell) => runOf(cell, 1)),
  ];
}

/** Kernels of no more taps leave residues free between them that are taken one by one. */
const FEW_TAPS = 64;

/** The residues of a stride that no tap reaches. */
function freeResidues(stride: number, dilation: number, firstTaps: number): Residues[] {
  if (firstTaps === stride) return [];
  if (dilation === 1) return [{ first: firstTaps, count: stride - firstTaps, step: 1 }];
  const step = dilation % stride;
  return firstTaps <= Math.max(FEW_TAPS, step)
    ? residuesBetween(stride, dilation, firstTaps)
    : residuesBeside(stride, step, firstTaps);
}

/** Those from one that a tap reaches to the next such. */
function residuesBetween(stride: number, dilation: number, firstTaps: number): Residues[] {
  const reached = range(firstTaps).map((tap) => tap * dilation % stride).sort((a, b) => a - b);
  return reached.flatMap((residue, i) => {
    const count = (reached[i + 1] ?? stride) - residue - 1;
    return count === 0 ? [] : [{ first: residue + 1, count, step: 1 }];
  });
}

/** Those that are equal modulo `step`: taps reach all of them, or none, or the first ones. */
function residuesBeside(stride: number, step: number, firstTaps: number): Residues[] {
  const reached = new Map<number, number>();
  for (let tap = 0; tap < firstTaps;) {
    const first = tap * step % stride;
    const count = Math.min(firstTaps - tap, Math.ceil((stride - first) / step));
    reached.set(first, count);
    tap += count;
  }
  return range(step).flatMap((first) => {
    const done = reached.get(first) ?? 0;
    const count = Math.ceil((stride - first) / step) - done;
    return count === 0 ? [] : [{ first: first + done * step, count, step }];
  });
}

/**
 * Along an axis, the outputs of a transposed convolution that are sums over equally many taps.
 *
 * @module
 */

import type { Geometry } from "../../convolution/geometry.ts";
import { tapSteps } from "../../convolution/residues.ts";
import { clamp, range } from "../../base/numbers.ts";

/**
 * Outputs `start + residue + i * stride` for so many residues and, of each, `count` outputs. Tap by tap, the input
 * position goes down as {@linkcode tapSteps} says.
 */
export interface SumRun {
  readonly start: number;
  readonly residues: number;
  readonly count: number;
  /** The taps that an output of the first residue is a sum over: how many, and the first of them. */
  readonly taps: number;
  readonly firstTap: number;
  /** Taps from the first one of a residue to that of the next. */
  readonly residueTaps: number;
  /** The input that the first output of each residue sees through its first tap. */
  readonly input: number;
}

/** The runs of an axis. Outputs that no tap reaches are in none. */
export function sumRuns(g: Geometry, axis: 0 | 1 | 2): SumRun[] {
  const stride = g.stride[axis];
  const period = Math.min(tapSteps(g, axis).kernel, g.kernel[axis]);
  const runs = range(period).flatMap((tap) => {
    const position = tap * g.dilation[axis] - g.padBegin[axis];
    const residue = ((position % stride) + stride) % stride;
    return residueRuns(g, axis, residue, tap);
  });
  return joined(runs.toSorted((a, b) => a.start - b.start));
}

/** The runs of one residue, whose outputs see the tap and those a period further. */
function residueRuns(g: Geometry, axis: 0 | 1 | 2, residue: number, tap: number): SumRun[] {
  const stride = g.stride[axis];
  const inputs = g.input[axis];
  const outputs = Math.max(0, Math.ceil((g.output[axis] - residue) / stride));
  const steps = tapSteps(g, axis);
  const taps = Math.ceil((g.kernel[axis] - tap) / steps.kernel);
  // What the first output would see through the first tap; through the others it is less.
  const first = (residue + g.padBegin[axis] - tap * g.dilation[axis]) / stride;
  const enters = (turn: number) => clamp(turn * steps.input - first, 0, outputs);
  const leaves = (turn: number) => clamp(turn * steps.input - first + inputs, 0, outputs);
  const cuts = new Set(range(taps).flatMap((turn) => [enters(turn), leaves(turn)]));
  const bounds = [...cuts].sort((a, b) => a - b);
  return bounds.slice(0, -1).flatMap((begin, i) => {
    const end = bounds[i + 1] ?? begin;
    const least = Math.max(0, Math.ceil((first + begin - inputs + 1) / steps.input));
    const most = Math.min(taps - 1, Math.floor((first + begin) / steps.input));
    if (most < least) return [];
    return {
      start: residue + begin * stride,
      residues: 1,
      count: end - begin,
      taps: most - least + 1,
      firstTap: tap + least * steps.kernel,
      residueTaps: 0,
      input: first + begin - least * steps.input,
    };
  });
}

/** Takes residues that are alike, side by side, for one run. */
function joined(runs: readonly SumRun[]): SumRun[] {
  const alike = new Map<string, SumRun[]>();
  for (const run of runs) {
    const key = [run.count, run.taps, run.input].join();
    const known = alike.get(key) ?? [];
    alike.set(key, known);
    const last = known.at(-1);
    const step = last && run.firstTap - last.firstTap - (last.residues - 1) * last.residueTaps;
    const follows = last !== undefined && last.start + last.residues === run.start &&
      (last.residues === 1 || step === last.residueTaps);
    if (!follows) known.push(run);
    else known[known.length - 1] = { ...last, residues: last.residues + 1, residueTaps: step ?? 0 };
  }
  return [...alike.values()].flat();
}

/** Whether every output of an axis is in a run. */
export function coversAxis(g: Geometry, axis: 0 | 1 | 2, runs: readonly SumRun[]): boolean {
  return runs.reduce((sum, { residues, count }) => sum + residues * count, 0) === g.output[axis];
}

/**
 * The stride phases of an axis of a transposed convolution: outputs `stride` apart see the same taps, and
 * inputs side by side through each of them.
 *
 * Output position `o` sees input `i` through tap `k` where `o + padBegin = i * stride + k * dilation`.
 *
 * @module
 */

import type { Geometry } from "./geometry.ts";
import { greatestCommonDivisor, range } from "../base/numbers.ts";

/** The outputs of one remainder of the stride along one axis. */
export interface AxisPhase {
  /** The first output, and how many there are, `stride` apart. */
  readonly start: number;
  readonly count: number;
  /** Kernel taps that reach them, ascending. */
  readonly taps: readonly number[];
  /** For each tap, the input position that the first output sees; may lie outside the input. */
  readonly inputs: readonly number[];
}

/** The non-empty phases of one axis. */
export function axisPhases(g: Geometry, axis: 0 | 1 | 2): AxisPhase[] {
  const stride = g.stride[axis];
  const dilation = g.dilation[axis];
  const padBegin = g.padBegin[axis];
  const output = g.output[axis];
  return range(Math.min(stride, output)).map((start) => {
    const count = Math.ceil((output - start) / stride);
    const inputOf = (tap: number) => (start + padBegin - tap * dilation) / stride;
    // A tap that meets the input at no output of the phase is left out.
    const taps = range(g.kernel[axis]).filter((tap) => {
      const input = inputOf(tap);
      return Number.isInteger(input) && input + count > 0 && input < g.input[axis];
    });
    return { start, count, taps, inputs: taps.map(inputOf) };
  });
}

/** How an output's taps follow one another along an axis. */
export interface TapSteps {
  /** Positions of the kernel from one to the next. */
  readonly kernel: number;
  /** Input positions, downward. */
  readonly input: number;
}

/** How far apart the taps are that reach the same output. */
export function tapSteps(g: Geometry, axis: 0 | 1 | 2): TapSteps {
  const common = greatestCommonDivisor(g.stride[axis], g.dilation[axis]);
  return { kernel: g.stride[axis] / common, input: g.dilation[axis] / common };
}

import { type Target, WASM_TARGET } from "../src/codegen/target.ts";
import type { Geometry } from "../src/convolution/geometry.ts";
import { product, range } from "../src/base/numbers.ts";
import type { ReferenceOperands } from "../src/convolution/formula.ts";
import {
  type AxisTransform,
  kernelScales,
  outputDivisor,
  transformInput,
  transformKernel,
  transformOutput,
} from "../src/kernels/winograd/transform.ts";
import { type Traced, traceTransform } from "./_trace_transform.ts";

/** The three transforms of an axis, as their programs have them. */
export interface TracedAxis {
  readonly input: Traced;
  /** With its scales. */
  readonly kernel: Traced;
  /** Divided as the outputs are. */
  readonly output: Traced;
}

/** Follows the programs of an axis. */
export function traceAxis(transform: AxisTransform, target: Target = WASM_TARGET): TracedAxis {
  const { inputs, taps } = transform;
  const divisor = outputDivisor(transform);
  const scales = kernelScales(transform);
  return {
    input: traceTransform(
      inputs,
      (code, constants, values) => transformInput(code, constants, transform, values, null),
      target,
    ),
    kernel: scaled(
      traceTransform(
        taps,
        (code, constants, values) => transformKernel(code, constants, transform, values),
        target,
      ),
      scales,
    ),
    output: scaled(
      traceTransform(
        inputs,
        (code, constants, values) => transformOutput(code, constants, transform, values),
        target,
      ),
      range(transform.outputs).map(() => 1 / divisor),
    ),
  };
}

function scaled({ matrix, absolute, roundings }: Traced, scales: readonly number[]): Traced {
  const scale = (rows: Traced["matrix"], by: readonly number[]) =>
    rows.map((row, i) => row.map((factor) => factor * (by[i] ?? NaN)));
  // The scale is rounded, and so is the product.
  const more = scales.every((factor) => factor === 1) ? 0 : 2;
  return {
    matrix: scale(matrix, scales),
    absolute: scale(absolute, scales.map(Math.abs)),
    roundings: roundings + more,
  };
}

/**
 * By how much more than a direct sum the transforms of an axis can make of rounding errors, in proportion to
 * the largest input and the sum of the absolute taps: `max over outputs i and taps s of the sum over
 * products a and inputs t of |A[i,a]| |G[a,s]| |B[a,t]|`.
 */
export function amplification({ input, kernel, output }: TracedAxis): number {
  const rows = output.absolute.flatMap((factors) =>
    range(kernel.absolute[0]?.length ?? 0).map((tap) =>
      factors.reduce((sum, factor, a) => {
        const inputs = input.absolute[a]?.reduce((x, y) => x + y, 0) ?? NaN;
        return sum + factor * (kernel.absolute[a]?.[tap] ?? NaN) * inputs;
      }, 0)
    )
  );
  return Math.max(...rows);
}

/** Terms of a sum that are added up one by one; the sums of so many are added up, too. */
const CHUNK = 128;

/** The difference from what inputs have in common, adding that back, the bias and a tensor. */
const OTHER_ROUNDINGS = 5;

/** Roundings on the way from operands to outputs but for the sums over `terms` products. */
export function transformRoundings(axes: readonly TracedAxis[]): number {
  return axes.reduce(
    (sum, { input, kernel, output }) => sum + input.roundings + kernel.roundings + output.roundings,
    OTHER_ROUNDINGS,
  );
}

/** The unit of rounding of float32. */
const UNIT = 2 ** -24;

/** What values are taken to be more than they are, as denormal ones are rounded by more than a part of them. */
const TINY = 2 ** -100;

/** The transforms of the last two axes. */
export interface Transforms {
  readonly height: AxisTransform;
  readonly width: AxisTransform;
}

/**
 * For each output, the most that Winograd's algorithm can be off, from the inputs that its tile can see and the
 * weights: for each plane of inputs `amplification * spread + largest` times the sum of its absolute taps, `spread`
 * being the largest difference between two of the inputs, zero padding included.
 */
export function winogradBounds(
  g: Geometry,
  operands: ReferenceOperands,
  { height, width }: Transforms,
): Float64Array {
  const axes = [height, width].map((transform) => traceAxis(transform));
  const factor = product(axes.map(amplification));
  const terms = g.inChannels / g.groups * product(g.kernel);
  const sums = Math.min(terms, CHUNK) + Math.ceil(terms / CHUNK);
  const roundings = sums + transformRoundings(axes);
  const [depth, rows, columns] = [
    windowsOf(g, 0, 1),
    windowsOf(g, 1, height.outputs),
    windowsOf(g, 2, width.outputs),
  ];
  const weights = tapSums(g, operands.weight);
  const [inGroup, outGroup] = [g.inChannels / g.groups, g.outChannels / g.groups];
  const plane = g.input[1] * g.input[2];
  const bounds = new Float64Array(g.batch * g.outChannels * product(g.output));
  for (let n = 0; n < g.batch; n++) {
    for (let ic = 0; ic < g.inChannels; ic++) {
      const group = Math.floor(ic / inGroup);
      const start = (n * g.inChannels + ic) * g.input[0] * plane;
      const channel = operands.input.subarray(start, start + g.input[0] * plane);
      depth.forEach((planes, od) => {
        rows.forEach((inRows, oh) => {
          columns.forEach((inColumns, ow) => {
            const { low, high } = extremes(g, channel, [planes, inRows, inColumns]);
            const seen = factor * (high - low + TINY) + Math.max(-low, high) + TINY;
            for (let oc = 0; oc < outGroup; oc++) {
              const out = group * outGroup + oc;
              const at = ((n * g.outChannels + out) * g.output[0] + od) * g.output[1] + oh;
              const index = at * g.output[2] + ow;
              const taps = (weights[out * inGroup + ic % inGroup] ?? NaN) + TINY;
              bounds[index] = (bounds[index] ?? NaN) + seen * taps;
            }
          });
        });
      });
    }
  }
  const biases = g.outChannels;
  const size = product(g.output);
  return bounds.map((sum, i) => {
    const bias = Math.abs(operands.bias?.[Math.floor(i / size) % biases] ?? 0);
    // (1 + u)^roundings - 1, as long as that is small.
    return (roundings * UNIT * (sum + bias)) / (1 - roundings * UNIT);
  });
}

/** The sum of the absolute taps of each kernel, `[output channel][input channel of the group]`. */
function tapSums(g: Geometry, weight: Float32Array): Float64Array {
  const taps = product(g.kernel);
  const [inGroup, outGroup] = [g.inChannels / g.groups, g.outChannels / g.groups];
  return Float64Array.from({ length: g.outChannels * inGroup }, (_, i) => {
    const [out, channel] = [Math.floor(i / inGroup), i % inGroup];
    const group = Math.floor(out / outGroup);
    const at = g.transposed
      ? (group * inGroup + channel) * outGroup + out % outGroup
      : out * inGroup + channel;
    return weight.subarray(at * taps, (at + 1) * taps).reduce((sum, w) => sum + Math.abs(w), 0);
  });
}

/** Positions along an axis, from the first to the last. */
interface Window {
  readonly first: number;
  readonly last: number;
}

/** For each output along an axis, what tiles of so many outputs can see that have it among them. */
function windowsOf(g: Geometry, axis: 0 | 1 | 2, outputs: number): Window[] {
  const [stride, dilation, pad] = [g.stride[axis], g.dilation[axis], g.padBegin[axis]];
  const extent = (g.kernel[axis] - 1) * dilation;
  return range(g.output[axis]).map((o) => {
    const position = o + pad;
    if (g.transposed) {
      return {
        first: Math.ceil((position - extent) / stride) - outputs + 1,
        last: Math.floor(position / stride) + outputs - 1,
      };
    }
    // Of a stride, residues are terms, and of a dilation parts.
    const more = (outputs - 1) * (stride === 1 ? dilation : stride);
    const first = o * stride - pad;
    return { first: first - more, last: first + extent + more };
  });
}

/** The least and the largest of some inputs of a channel; what lies outside is as the padding has it. */
function extremes(
  { input, paddingMode }: Geometry,
  channel: Float32Array,
  windows: readonly [Window, Window, Window],
): { readonly low: number; readonly high: number } {
  const inside = windows.map(({ first, last }, axis) => {
    const size = input[axis] ?? 0;
    // Other modes take their padding from anywhere.
    const isPadded = first < 0 || last >= size;
    if (isPadded && paddingMode !== "zeros") return { first: 0, last: size - 1 };
    return { first: Math.max(0, first), last: Math.min(size - 1, last) };
  });
  const isOutside = paddingMode === "zeros" &&
    windows.some(({ first, last }, axis) => first < 0 || last >= (input[axis] ?? 0));
  let [low, high] = isOutside ? [0, 0] : [Infinity, -Infinity];
  const [depth, rows, columns] = inside;
  if (depth === undefined || rows === undefined || columns === undefined) return { low, high };
  for (let d = depth.first; d <= depth.last; d++) {
    for (let h = rows.first; h <= rows.last; h++) {
      for (let w = columns.first; w <= columns.last; w++) {
        const value = channel[(d * input[1] + h) * input[2] + w] ?? NaN;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
  }
  return { low, high };
}

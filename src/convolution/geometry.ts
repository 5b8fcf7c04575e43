import { describeShape } from "../base/checks.ts";
import { countElements } from "../tensor/shape.ts";
import type { ConvSettings } from "./settings.ts";

/** Sizes of the three spatial axes: depth, height, width. 1-D and 2-D layers have leading ones. */
export type Triple = readonly [depth: number, height: number, width: number];

/** What lies beyond the border of the input. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/**
 * A convolution or transposed convolution as the planner sees it: every size is fixed, every rule has
 * been applied, nothing is left to be validated.
 *
 * Convolution, with zero-based positions `i` in the padded input:
 * `out[o] = bias + sum over taps k of weight[k] * padded[o * stride + k * dilation]`.
 *
 * Transposed, `padBegin` being how much is cut off the beginning of the full result:
 * `out[i * stride + k * dilation - padBegin] += weight[k] * in[i]` wherever that lies in `output`.
 */
export interface Geometry {
  readonly transposed: boolean;
  readonly rank: 1 | 2 | 3;
  readonly batch: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly input: Triple;
  readonly output: Triple;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly dilation: Triple;
  readonly padBegin: Triple;
  readonly padEnd: Triple;
  /** Always `"zeros"` for transposed convolutions. */
  readonly paddingMode: PaddingMode;
}

/** The padding of one spatial axis. */
interface Pads {
  readonly padBegin: number;
  readonly padEnd: number;
}

/** One spatial axis, resolved. */
interface Axis extends Pads {
  readonly output: number;
}

/**
 * The geometry of a convolution or transposed convolution on an input.
 *
 * @param settings What it was built with.
 * @param batch The number of images, may be 0.
 * @param spatial The input's sizes, one per spatial axis, each at least 1.
 * @param outputSize Of a transposed one the output's sizes, one per spatial axis, if they are to be
 * other than what `outputPadding` says.
 * @returns The geometry, every rule applied.
 * @throws {RangeError} If the output would be empty, the padding mode cannot pad as much, `outputSize`
 * cannot be reached, or an array would be too large.
 */
export function geometryOf(
  settings: ConvSettings,
  batch: number,
  spatial: readonly number[],
  outputSize?: readonly number[],
): Geometry {
  const { name, transposed, rank, groups, inChannels, outChannels, paddingMode } = settings;
  const axes = spatial.map((input, axis) => {
    checkInput(settings, spatial, axis);
    const resolved = transposed
      ? convTransposeAxis(settings, input, axis, outputSize?.[axis])
      : convAxis(settings, input, axis);
    checkOutput(settings, input, axis, resolved);
    return resolved;
  });
  const output = axes.map((axis) => axis.output);
  countElements(name, "the input", [batch, inChannels, ...spatial]);
  countElements(name, "the output", [batch, outChannels, ...output]);
  if (!transposed) {
    const padded = axes.map(({ padBegin, padEnd }, axis) =>
      (spatial[axis] ?? 1) + padBegin + padEnd
    );
    countElements(name, "the padded input", [batch, inChannels, ...padded]);
  }
  return {
    transposed,
    rank,
    batch,
    groups,
    inChannels,
    outChannels,
    input: toTriple(spatial, 1),
    output: toTriple(output, 1),
    kernel: toTriple(settings.kernel, 1),
    stride: toTriple(settings.stride, 1),
    dilation: toTriple(settings.dilation, 1),
    padBegin: toTriple(axes.map((axis) => axis.padBegin), 0),
    padEnd: toTriple(axes.map((axis) => axis.padEnd), 0),
    paddingMode,
  };
}

/** `floor((in + pads - dilation * (k - 1) - 1) / stride) + 1`. */
function convAxis(settings: ConvSettings, input: number, axis: number): Axis {
  const stride = settings.stride[axis] ?? 1;
  const extent = kernelExtent(settings, axis);
  if (settings.padding === "same") {
    const output = Math.ceil(input / stride);
    const pads = halves(Math.max((output - 1) * stride + extent - input, 0));
    checkPaddingMode(settings, input, axis, pads);
    return { output, ...pads };
  }
  const [padBegin, padEnd] = settings.padding[axis] ?? [0, 0];
  const padded = checkExact(settings, axis, "the padded input", input + padBegin + padEnd);
  checkPaddingMode(settings, input, axis, { padBegin, padEnd });
  return { output: Math.floor((padded - extent) / stride) + 1, padBegin, padEnd };
}

/** `(in - 1) * stride - pads + dilation * (k - 1) + outputPadding + 1`. */
function convTransposeAxis(
  settings: ConvSettings,
  input: number,
  axis: number,
  outputSize: number | undefined,
): Axis {
  const stride = settings.stride[axis] ?? 1;
  const most = Math.max(stride, settings.dilation[axis] ?? 1) - 1;
  const outputPadding = settings.outputPadding[axis] ?? 0;
  const size = (input - 1) * stride + kernelExtent(settings, axis);
  const full = checkExact(settings, axis, "the full result", size);
  if (settings.padding === "same") {
    // The mirror of a "same" convolution: any output that one would take back to `input` will do.
    const least = (input - 1) * stride + 1;
    checkOutputSize(settings, axis, outputSize, least, input * stride + most);
    const output = outputSize ?? input * stride;
    const extension = outputSize === undefined ? outputPadding : 0;
    return { output, ...halves(Math.max(full + extension - output, 0)) };
  }
  const [padBegin, padEnd] = settings.padding[axis] ?? [0, 0];
  const least = full - padBegin - padEnd;
  checkOutputSize(settings, axis, outputSize, least, least + most);
  return { output: outputSize ?? least + outputPadding, padBegin, padEnd };
}

/** How far a kernel reaches along an axis, the gaps of its dilation included. */
function kernelExtent(settings: ConvSettings, axis: number): number {
  const extent = (settings.dilation[axis] ?? 1) * ((settings.kernel[axis] ?? 1) - 1) + 1;
  return checkExact(settings, axis, "the kernel", extent);
}

/** Checks that a size is one that numbers hold exactly: others would be rounded in silence. */
function checkExact(settings: ConvSettings, axis: number, what: string, size: number): number {
  if (Number.isSafeInteger(size)) return size;
  throw new RangeError(
    `${settings.name}: ${what} would span ${size} positions on spatial axis ${axis}, but sizes go up ` +
      `to ${Number.MAX_SAFE_INTEGER}`,
  );
}

/** Splits the padding of `"same"`: what is odd goes to the end. */
function halves(total: number): Pads {
  const padBegin = Math.floor(total / 2);
  return { padBegin, padEnd: total - padBegin };
}

function checkPaddingMode(
  { name, paddingMode }: ConvSettings,
  input: number,
  axis: number,
  { padBegin, padEnd }: Pads,
): void {
  const most = paddingMode === "reflect"
    ? input - 1
    : paddingMode === "circular"
    ? input
    : Infinity;
  if (Math.max(padBegin, padEnd) <= most) return;
  throw new RangeError(
    `${name}: paddingMode "${paddingMode}" can pad an axis of size ${input} by at most ${most}, ` +
      `but padding is [${padBegin}, ${padEnd}] on spatial axis ${axis}`,
  );
}

function checkInput({ name }: ConvSettings, spatial: readonly number[], axis: number): void {
  if ((spatial[axis] ?? 0) >= 1) return;
  throw new RangeError(
    `${name}: input has size 0 on spatial axis ${axis} (spatial sizes ${
      describeShape(spatial)
    }); ` +
      `only the batch may be empty`,
  );
}

function checkOutput(
  settings: ConvSettings,
  input: number,
  axis: number,
  { output, padBegin, padEnd }: Axis,
): void {
  if (output >= 1 && Number.isSafeInteger(output)) return;
  const what = `${settings.name}: the output would have size ${output} on spatial axis ${axis}`;
  if (output >= 1) {
    const bytes = output * Float32Array.BYTES_PER_ELEMENT;
    throw new RangeError(`${what}, too large for any array (${bytes} bytes)`);
  }
  throw new RangeError(
    settings.transposed
      ? `${what}: a padding of ${padBegin} + ${padEnd} cuts all of the full result away`
      : `${what}: the kernel spans ${kernelExtent(settings, axis)} but the padded input only ` +
        `${input + padBegin + padEnd}`,
  );
}

function checkOutputSize(
  settings: ConvSettings,
  axis: number,
  outputSize: number | undefined,
  least: number,
  most: number,
): void {
  if (outputSize === undefined || (outputSize >= least && outputSize <= most)) return;
  throw new RangeError(
    `${settings.name}: outputSize must be from ${least} to ${most} on spatial axis ${axis}, but is ` +
      outputSize,
  );
}

/** One to three sizes behind as many leading units as make three. */
function toTriple(sizes: readonly number[], unit: number): Triple {
  const at = (axis: number) => sizes[sizes.length - 3 + axis] ?? unit;
  return [at(0), at(1), at(2)];
}

/** The output's shape, batch and channels included. */
export function outputShape(geometry: Geometry): readonly number[] {
  const { batch, outChannels, output, rank } = geometry;
  return [batch, outChannels, ...output.slice(3 - rank)];
}

/** The weight's shape as in `torch.nn`: `(out, in / groups, k...)`, transposed `(in, out / groups, k...)`. */
export function weightShape(
  { transposed, inChannels, outChannels, groups, kernel }: Pick<
    ConvSettings,
    "transposed" | "inChannels" | "outChannels" | "groups" | "kernel"
  >,
): readonly number[] {
  return transposed
    ? [inChannels, outChannels / groups, ...kernel]
    : [outChannels, inChannels / groups, ...kernel];
}

/**
 * The multiplications, each with an addition, that the formula takes: one per tap, output position and
 * input channel (transposed: per tap, input position and output channel), zero padding counted.
 */
export function multiplyAdds(geometry: Geometry): number {
  const { transposed, batch, groups, inChannels, outChannels, input, output, kernel } = geometry;
  const positions = (transposed ? input : output).reduce((product, size) => product * size, batch);
  const taps = kernel.reduce((product, size) => product * size, 1);
  return positions * taps * inChannels * outChannels / groups;
}

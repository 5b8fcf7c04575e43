import type { Geometry } from "./geometry.ts";

/** The arrays of a convolution, row-major: input `(N, C, ...)`, weight and bias as in `torch.nn`. */
export interface ReferenceOperands {
  readonly input: Float32Array;
  readonly weight: Float32Array;
  readonly bias?: Float32Array | null;
}

/** Marks a position that lies in zero padding. */
const ZERO = -1;

/** One product along an axis: which input position (or {@linkcode ZERO}) meets which tap, for what output. */
type AxisProduct = readonly [from: number, tap: number, to: number];

/**
 * A convolution by the textbook formula, in plain loops with float64 accumulation: the oracle of the
 * tests. Zero padding is multiplied like any other input.
 *
 * @param geometry What to compute.
 * @param operands The arrays.
 * @returns The output, row-major `(N, C, ...)`, exact but for float64 rounding.
 */
export function reference(geometry: Geometry, operands: ReferenceOperands): Float64Array {
  const { transposed, batch, groups, inChannels, outChannels, input, output, kernel } = geometry;
  const { weight, bias } = operands;
  const [inputPlane, outputPlane, taps] = [volume(input), volume(output), volume(kernel)];
  const inPerGroup = inChannels / groups;
  const outPerGroup = outChannels / groups;
  const axes = axisProducts(geometry);
  const result = new Float64Array(batch * outChannels * outputPlane);
  for (let n = 0; n < batch; n++) {
    for (let oc = 0; oc < outChannels; oc++) {
      const to = (n * outChannels + oc) * outputPlane;
      const sums = result.subarray(to, to + outputPlane).fill(bias?.[oc] ?? 0);
      const firstChannel = Math.floor(oc / outPerGroup) * inPerGroup;
      for (let ic = firstChannel; ic < firstChannel + inPerGroup; ic++) {
        const from = (n * inChannels + ic) * inputPlane;
        const tap = taps *
          (transposed ? ic * outPerGroup + oc % outPerGroup : oc * inPerGroup + ic - firstChannel);
        addProducts(
          geometry,
          axes,
          operands.input.subarray(from, from + inputPlane),
          weight.subarray(tap, tap + taps),
          sums,
        );
      }
    }
  }
  return result;
}

/**
 * The sum of the absolute products behind each output, the absolute bias included: the scale of the
 * rounding error that a float32 computation may have there.
 *
 * @param geometry What is computed.
 * @param operands The arrays.
 * @returns The sums, row-major `(N, C, ...)`.
 */
export function referenceMagnitude(geometry: Geometry, operands: ReferenceOperands): Float64Array {
  return reference(geometry, {
    input: operands.input.map(Math.abs),
    weight: operands.weight.map(Math.abs),
    bias: operands.bias?.map(Math.abs) ?? null,
  });
}

/** The gradients of a convolution, row-major. */
export interface ReferenceGradients {
  readonly input: Float64Array;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

/**
 * The gradients by the textbook formula, likewise: every product of a tap with an input has a part in
 * both, times the gradient of the output that it goes into.
 *
 * @param geometry What is computed.
 * @param operands The arrays of the forward pass.
 * @param gradient That of the output, row-major.
 */
export function referenceGradients(
  geometry: Geometry,
  { input, weight }: ReferenceOperands,
  gradient: Float32Array,
): ReferenceGradients {
  const { transposed, batch, groups, inChannels, outChannels } = geometry;
  const [inputPlane, outputPlane] = [volume(geometry.input), volume(geometry.output)];
  const taps = volume(geometry.kernel);
  const inPerGroup = inChannels / groups;
  const outPerGroup = outChannels / groups;
  const axes = axisProducts(geometry);
  const result = {
    input: new Float64Array(input.length),
    weight: new Float64Array(weight.length),
    bias: new Float64Array(outChannels),
  };
  for (let n = 0; n < batch; n++) {
    for (let oc = 0; oc < outChannels; oc++) {
      const seeing = (n * outChannels + oc) * outputPlane;
      for (let o = 0; o < outputPlane; o++) {
        result.bias[oc] = (result.bias[oc] ?? 0) + (gradient[seeing + o] ?? 0);
      }
      const firstChannel = Math.floor(oc / outPerGroup) * inPerGroup;
      for (let ic = firstChannel; ic < firstChannel + inPerGroup; ic++) {
        const seen = (n * inChannels + ic) * inputPlane;
        const tap = taps *
          (transposed ? ic * outPerGroup + oc % outPerGroup : oc * inPerGroup + ic - firstChannel);
        eachProduct(geometry, axes, (from, kernel, to) => {
          const above = gradient[seeing + to] ?? 0;
          const [i, k] = [seen + from, tap + kernel];
          result.input[i] = (result.input[i] ?? 0) + (weight[k] ?? 0) * above;
          result.weight[k] = (result.weight[k] ?? 0) + (input[i] ?? 0) * above;
        });
      }
    }
  }
  return result;
}

/** Calls `each` with the places in their planes of every input, tap and output that meet; not for zeros. */
function eachProduct(
  { input, output, kernel }: Geometry,
  [depth, height, width]: readonly [AxisProduct[], AxisProduct[], AxisProduct[]],
  each: (from: number, tap: number, to: number) => void,
): void {
  for (const [id, kd, od] of depth) {
    for (const [ih, kh, oh] of height) {
      for (const [iw, kw, ow] of width) {
        if (id === ZERO || ih === ZERO || iw === ZERO) continue;
        each(
          (id * input[1] + ih) * input[2] + iw,
          (kd * kernel[1] + kh) * kernel[2] + kw,
          (od * output[1] + oh) * output[2] + ow,
        );
      }
    }
  }
}

/** Adds the products of one input plane with one kernel to one output plane. */
function addProducts(
  { input, output, kernel }: Geometry,
  [depth, height, width]: readonly [AxisProduct[], AxisProduct[], AxisProduct[]],
  plane: Float32Array,
  weight: Float32Array,
  sums: Float64Array,
): void {
  for (const [id, kd, od] of depth) {
    for (const [ih, kh, oh] of height) {
      for (const [iw, kw, ow] of width) {
        const padded = id === ZERO || ih === ZERO || iw === ZERO;
        const value = padded ? 0 : plane[(id * input[1] + ih) * input[2] + iw] ?? 0;
        const tap = weight[(kd * kernel[1] + kh) * kernel[2] + kw] ?? 0;
        const to = (od * output[1] + oh) * output[2] + ow;
        sums[to] = (sums[to] ?? 0) + value * tap;
      }
    }
  }
}

/** All products along each of the three axes. */
function axisProducts(
  geometry: Geometry,
): readonly [AxisProduct[], AxisProduct[], AxisProduct[]] {
  const along = geometry.transposed ? scattered : gathered;
  return [along(geometry, 0), along(geometry, 1), along(geometry, 2)];
}

/** Convolution: `out[o]` gathers `weight[k] * padded[o * stride + k * dilation]`. */
function gathered(geometry: Geometry, axis: 0 | 1 | 2): AxisProduct[] {
  const { input, output, kernel, stride, dilation, padBegin } = geometry;
  const products: AxisProduct[] = [];
  for (let o = 0; o < output[axis]; o++) {
    for (let k = 0; k < kernel[axis]; k++) {
      const position = o * stride[axis] + k * dilation[axis] - padBegin[axis];
      products.push([sourcePosition(geometry, position, input[axis]), k, o]);
    }
  }
  return products;
}

/** Transposed: `in[i]` scatters `weight[k] * in[i]` to `out[i * stride + k * dilation - padBegin]`. */
function scattered(geometry: Geometry, axis: 0 | 1 | 2): AxisProduct[] {
  const { input, output, kernel, stride, dilation, padBegin } = geometry;
  const products: AxisProduct[] = [];
  for (let i = 0; i < input[axis]; i++) {
    for (let k = 0; k < kernel[axis]; k++) {
      const o = i * stride[axis] + k * dilation[axis] - padBegin[axis];
      if (o >= 0 && o < output[axis]) products.push([i, k, o]);
    }
  }
  return products;
}

/** Where the value at a position, counted from the input's first and perhaps beyond it, comes from. */
function sourcePosition(geometry: Geometry, position: number, size: number): number {
  if (position >= 0 && position < size) return position;
  switch (geometry.paddingMode) {
    case "zeros":
      return ZERO;
    case "reflect":
      return position < 0 ? -position : 2 * (size - 1) - position;
    case "replicate":
      return position < 0 ? 0 : size - 1;
    case "circular":
      return position < 0 ? position + size : position - size;
  }
}

function volume(sizes: readonly number[]): number {
  return sizes.reduce((product, size) => product * size, 1);
}

/** The largest difference in proportion to the largest expected value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let apart = 0;
  let largest = 0;
  for (let index = 0; index < expected.length; index++) {
    const [is = NaN, should = NaN] = [actual[index], expected[index]];
    // Unlike a comparison, Math.max keeps a NaN.
    apart = Math.max(apart, Math.abs(is - should));
    largest = Math.max(largest, Math.abs(should));
  }
  return apart === 0 ? 0 : apart / largest;
}

/** What a plain loop computes: a `Conv2d` of stride 1 without bias that repeats the border pixels. */
export interface PlainConvolution {
  readonly groups: number;
  /** `(in, height, width)`. */
  readonly inputShape: readonly number[];
  /** `(out, in / groups, rows, columns)`, rows and columns odd. */
  readonly weightShape: readonly number[];
}

/**
 * A convolution as one writes it in JavaScript without a library: nested loops over typed arrays, on one
 * thread. The output is as large as the input. Of the orders of these loops the fastest: whole rows are added
 * up, in float64, which spares the engine a conversion for every product.
 *
 * @param convolution What to compute.
 * @param input The input, row-major.
 * @param weight The weight, row-major.
 * @param output Receives the output.
 */
export function convolvePlainly(
  { groups, inputShape, weightShape }: PlainConvolution,
  input: Float32Array,
  weight: Float32Array,
  output: Float32Array,
): void {
  const [, height = 0, width = 0] = inputShape;
  const [outChannels = 0, inPerGroup = 0, rows = 0, columns = 0] = weightShape;
  const outPerGroup = outChannels / groups;
  const paddedHeight = height + rows - 1;
  const paddedWidth = width + columns - 1;
  const padded = repeatBorder(inputShape, input, paddedHeight, paddedWidth);
  const sums = new Float64Array(width);
  for (let oc = 0; oc < outChannels; oc++) {
    const firstChannel = Math.floor(oc / outPerGroup) * inPerGroup;
    for (let y = 0; y < height; y++) {
      sums.fill(0);
      let at = oc * inPerGroup * rows * columns;
      for (let ic = 0; ic < inPerGroup; ic++) {
        for (let ky = 0; ky < rows; ky++) {
          const row = ((firstChannel + ic) * paddedHeight + y + ky) * paddedWidth;
          for (let kx = 0; kx < columns; kx++) {
            const tap = weight[at++] ?? 0;
            const from = row + kx;
            for (let x = 0; x < width; x++) {
              sums[x] = (sums[x] ?? 0) + tap * (padded[from + x] ?? 0);
            }
          }
        }
      }
      output.set(sums, (oc * height + y) * width);
    }
  }
}

/** The input with its border pixels repeated: the loops need not ask where they are. */
function repeatBorder(
  [channels = 0, height = 0, width = 0]: readonly number[],
  input: Float32Array,
  paddedHeight: number,
  paddedWidth: number,
): Float32Array {
  const padded = new Float32Array(channels * paddedHeight * paddedWidth);
  const top = (paddedHeight - height) / 2;
  const left = (paddedWidth - width) / 2;
  let to = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < paddedHeight; y++) {
      const row = (channel * height + Math.min(Math.max(y - top, 0), height - 1)) * width;
      for (let x = 0; x < paddedWidth; x++) {
        padded[to++] = input[row + Math.min(Math.max(x - left, 0), width - 1)] ?? 0;
      }
    }
  }
  return padded;
}

import { checkInteger, describe, describeShape } from "../base/checks.ts";
import type { Geometry } from "../convolution/geometry.ts";
import { geometryOf, outputShape } from "../convolution/geometry.ts";
import type { ConvSettings, Size } from "../convolution/settings.ts";
import { resolveSize } from "../convolution/settings.ts";
import { checkShape, sameShape } from "../tensor/shape.ts";
import { partsOf, Tensor, type TensorParts } from "../tensor/tensor.ts";
import { checkAttached, type Values } from "../tensor/values.ts";

/** One application of a convolution to an input of known shape. */
export interface Call {
  readonly geometry: Geometry;
  /** With the batch, or without it if the input has none. */
  readonly outputShape: readonly number[];
}

/**
 * Fixes every size of a call.
 *
 * @param settings The convolution.
 * @param inputShape `(N, C, ...)` or `(C, ...)`.
 * @param outputSize For transposed convolutions: the spatial sizes or the full shape, or `undefined`.
 * @param expected How the error message about channels goes on, such as `the layer was built for 16`.
 * @returns The geometry and the output's shape.
 * @throws {TypeError} If a shape is not an array of numbers.
 * @throws {RangeError} If the shapes do not fit the convolution.
 */
export function resolveCall(
  settings: ConvSettings,
  inputShape: readonly number[],
  outputSize: Size | undefined,
  expected: string,
): Call {
  const { name, rank, inChannels } = settings;
  const { shape, batched, channels } = checkInputShape(settings, inputShape);
  if (channels !== inChannels) {
    throw new RangeError(
      `${name}: input has ${channels} channels (shape ${describeShape(shape)}), but ${expected}`,
    );
  }
  const batch = batched ? shape[0] ?? 0 : 1;
  const spatial = shape.slice(-rank);
  const target = outputSize === undefined
    ? undefined
    : resolveOutputSize(settings, outputSize, shape.length);
  const geometry = geometryOf(settings, batch, spatial, target);
  return { geometry, outputShape: Object.freeze(outputShape(geometry).slice(batched ? 0 : 1)) };
}

/** The shape of an input, as far as it can be read without knowing the channels. */
export interface InputShape {
  readonly shape: readonly number[];
  readonly batched: boolean;
  readonly channels: number;
}

/**
 * Checks that a shape has the axes of an input.
 *
 * @throws {TypeError} If it is not an array of numbers.
 * @throws {RangeError} If it has other axes.
 */
export function checkInputShape(
  { name, rank }: ConvSettings,
  inputShape: readonly number[],
): InputShape {
  const shape = checkShape(name, inputShape);
  const batched = shape.length === rank + 2;
  if (batched || shape.length === rank + 1) {
    return { shape, batched, channels: shape[shape.length - rank - 1] ?? 0 };
  }
  const axes = ["D", "H", "W"].slice(3 - rank).join(", ");
  throw new RangeError(
    `${name}: input must be a batch (N, C, ${axes}) or one item (C, ${axes}), but has shape ` +
      describeShape(shape),
  );
}

/**
 * Fixes every size of the call that a gradient is of. Of the sizes that the output of a transposed convolution
 * may have it is the one that the gradient has.
 *
 * @param gradientShape The shape of the output's gradient, which need not be right.
 */
export function resolveBackwardCall(
  settings: ConvSettings,
  inputShape: readonly number[],
  gradientShape: readonly number[],
  expected: string,
): Call {
  const usual = resolveCall(settings, inputShape, undefined, expected);
  const isUsual = !settings.transposed || gradientShape.length !== inputShape.length ||
    sameShape(gradientShape, usual.outputShape);
  if (isUsual) return usual;
  return resolveCall(settings, inputShape, gradientShape.slice(-settings.rank), expected);
}

/** The spatial sizes of an `outputSize`; of a full shape only they are read, as in PyTorch. */
function resolveOutputSize(
  { name, rank }: ConvSettings,
  outputSize: unknown,
  axes: number,
): readonly number[] {
  if (!Array.isArray(outputSize) || outputSize.length === rank) {
    return resolveSize(name, "outputSize", outputSize, rank, 1);
  }
  if (outputSize.length !== axes) {
    throw new RangeError(
      `${name}: outputSize must have the ${rank} spatial sizes or all ${axes} sizes of the output, ` +
        `but is ${describe(outputSize)}`,
    );
  }
  const shape = Array.from(
    outputSize,
    (size: unknown, axis) => checkInteger(name, `outputSize[${axis}]`, size, 0),
  );
  return shape.slice(-rank);
}

/**
 * Checks that a value is a tensor whose values are still there.
 *
 * @returns Its inside.
 * @throws {TypeError} If it is not.
 */
export function checkTensor(where: string, what: string, value: unknown): TensorParts {
  if (!(value instanceof Tensor)) {
    throw new TypeError(`${where}: ${what} must be a Tensor, but is ${describe(value)}`);
  }
  const parts = partsOf(value);
  checkAttached(where, what, parts.values, parts.shape);
  return parts;
}

/** What a call takes besides its input, as far as it has the output's shape. */
export interface OutputOperands {
  /** What is added to the output. */
  readonly add: Values | null;
  /** Where the output goes. */
  readonly out: Float32Array | null;
}

/**
 * Checks the tensors of a call that must have the output's shape.
 *
 * @throws {TypeError} If one is not a tensor.
 * @throws {RangeError} If the shape of one is not the output's.
 */
export function checkOutputOperands(
  where: string,
  { add, out }: { readonly add?: unknown; readonly out?: unknown },
  outputShape: readonly number[],
): OutputOperands {
  const valuesOfShape = (what: string, value: unknown): Values | null => {
    if (value === undefined) return null;
    const { shape, values } = checkTensor(where, what, value);
    if (sameShape(shape, outputShape)) return values;
    throw new RangeError(
      `${where}: ${what} must have the output's shape ${describeShape(outputShape)}, but has ` +
        describeShape(shape),
    );
  };
  return { add: valuesOfShape("add", add), out: valuesOfShape("out", out)?.elements ?? null };
}

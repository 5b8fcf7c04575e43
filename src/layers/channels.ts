/**
 * The input channels of a layer that was built without them.
 *
 * @module
 */

import { describeShape } from "../base/checks.ts";
import type { ConvSettings, Size } from "../convolution/settings.ts";
import { weightShape } from "../convolution/geometry.ts";
import { sameShape } from "../tensor/shape.ts";
import { checkInputShape, resolveCall } from "./call.ts";
import type { ExpectedShape } from "./state_source.ts";

/**
 * The channels of an input, if the convolution can be applied to it.
 *
 * @param settings The convolution, its input channels not known yet.
 * @param inputShape `(N, C, ...)` or `(C, ...)`.
 * @param outputSize For transposed convolutions: the spatial sizes or the full shape, or `undefined`.
 * @throws {TypeError} If a shape is not an array of numbers.
 * @throws {RangeError} If the shapes do not fit the convolution.
 */
export function channelsOfInput(
  settings: ConvSettings,
  inputShape: readonly number[],
  outputSize: Size | undefined,
): number {
  const { name, groups } = settings;
  const { shape, channels: inChannels } = checkInputShape(settings, inputShape);
  if (inChannels < 1 || inChannels % groups !== 0) {
    throw new RangeError(
      `${name}: input has ${inChannels} channels (shape ${describeShape(shape)}), but ` +
        (groups === 1 ? "there must be at least 1" : `groups is ${groups}, and must divide them`),
    );
  }
  resolveCall({ ...settings, inChannels }, inputShape, outputSize, "");
  return inChannels;
}

/**
 * The input channels that a weight is for.
 *
 * @param settings The convolution, its input channels not known yet.
 * @param shape `(out, in / groups, k...)`, transposed `(in, out / groups, k...)`.
 */
export function channelsOfWeight(
  { transposed, groups }: ConvSettings,
  [first = 0, second = 0]: readonly number[],
): number {
  return transposed ? first : second * groups;
}

/** The shape of the weight of a convolution whose input channels are not known yet. */
export function lateWeightShape(settings: ConvSettings): ExpectedShape {
  const { transposed, groups } = settings;
  const [out, perGroup, ...kernel] = weightShape(settings);
  const channels = transposed ? ["inChannels", perGroup] : [out, "inChannels / groups"];
  const divided = transposed && groups > 1 ? `, inChannels a multiple of groups (${groups})` : "";
  return {
    text: `[${[...channels, ...kernel].join(", ")}]${divided}`,
    fits: (shape) => {
      const inChannels = channelsOfWeight(settings, shape);
      return inChannels >= 1 && inChannels % groups === 0 &&
        sameShape(shape, weightShape({ ...settings, inChannels }));
    },
  };
}

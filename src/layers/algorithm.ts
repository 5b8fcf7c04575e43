/**
 * The `algorithm` option.
 *
 * @module
 */

import { checkChoice, describeShape } from "../base/checks.ts";
import { type Algorithm, ALGORITHMS } from "../convolution/algorithm.ts";
import { allowsWinograd } from "../kernels/winograd/applies.ts";
import type { ConvSettings } from "../convolution/settings.ts";

const CONVOLUTION_NEEDS =
  "on one of the last two axes, a kernelSize of more than the stride and at " +
  "most 5 times as much, and stride 1 or dilation 1 (of dilations with stride 1, not more than 64)";

const TRANSPOSED_NEEDS =
  "on one of the last two axes, a kernelSize of more than the stride and at " +
  "most 5 times as much, and dilation 1; on the other, one not below the stride; before them 1 of both";

/**
 * Checks an `algorithm` option.
 *
 * @param settings The convolution.
 * @param value The option's value.
 * @throws {TypeError} If it is not a string.
 * @throws {RangeError} If it is no algorithm's name, or that of one that the convolution does not allow.
 */
export function resolveAlgorithm(
  settings: Pick<ConvSettings, "name" | "transposed" | "kernel" | "stride" | "dilation">,
  value: unknown = "auto",
): Algorithm {
  const { name, transposed } = settings;
  const algorithm = checkChoice(name, "algorithm", value, ALGORITHMS);
  if (algorithm !== "winograd" || allowsWinograd(settings)) return algorithm;
  const { kernel, stride, dilation } = settings;
  throw new RangeError(
    `${name}: algorithm "winograd" needs, ${
      transposed ? TRANSPOSED_NEEDS : CONVOLUTION_NEEDS
    }; but ` +
      `kernelSize is ${describeShape(kernel)}, stride ${describeShape(stride)} and dilation ` +
      describeShape(dilation),
  );
}

/**
 * The `algorithm` option.
 *
 * @module
 */

import { checkChoice, describeShape } from "../checks.ts";
import { type Algorithm, ALGORITHMS } from "../kernels/algorithm.ts";
import { type Obstacle, winogradObstacle } from "../kernels/winograd_choice.ts";
import type { ConvSettings } from "../settings.ts";

type Needs = Readonly<Record<Obstacle, string>>;

const CONVOLUTION_NEEDS: Needs = {
  kernel: "a kernelSize of 1 to 5, not of 1 alone, on the last two axes",
  stride: "stride 1 on the last two axes",
  dilation: "a dilation of at most 64, over the last two axes together",
};

const TRANSPOSED_NEEDS: Needs = {
  kernel:
    "a kernelSize of 1 to 5 times the stride, not of the stride alone, on the last two axes, " +
    "and of 1 before them",
  stride: "stride 1 before the last two axes",
  dilation: "dilation 1 on the last two axes",
};

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
  const obstacle = algorithm === "winograd" ? winogradObstacle(settings) : null;
  if (obstacle === null) return algorithm;
  throw new RangeError(
    `${name}: algorithm "winograd" needs ` +
      `${(transposed ? TRANSPOSED_NEEDS : CONVOLUTION_NEEDS)[obstacle]}, but it is ` +
      describeShape(settings[obstacle]),
  );
}

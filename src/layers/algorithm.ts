/**
 * The `algorithm` option.
 *
 * @module
 */

import { checkChoice, describeShape } from "../checks.ts";
import { type Algorithm, ALGORITHMS } from "../kernels/algorithm.ts";
import { type Obstacle, winogradObstacle } from "../kernels/winograd_choice.ts";
import type { ConvSettings } from "../settings.ts";

const NEEDS: Readonly<Record<Obstacle, string>> = {
  kernel: "a kernelSize of 3, or of 1 and 3, on the last two axes",
  stride: "stride 1 on the last two axes",
  dilation: "dilation 1 where the kernel's size is 3",
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
  settings: Pick<ConvSettings, "name" | "kernel" | "stride" | "dilation">,
  value: unknown = "auto",
): Algorithm {
  const { name } = settings;
  const algorithm = checkChoice(name, "algorithm", value, ALGORITHMS);
  const obstacle = algorithm === "winograd" ? winogradObstacle(settings) : null;
  if (obstacle === null) return algorithm;
  throw new RangeError(
    `${name}: algorithm "winograd" needs ${NEEDS[obstacle]}, but it is ` +
      describeShape(settings[obstacle]),
  );
}

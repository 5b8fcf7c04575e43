import { checkChoice, describe } from "../base/checks.ts";
import type { Activation, Epilogue } from "../convolution/epilogue.ts";

/** Options of what is applied to every output. */
export interface ActivationOptions {
  /** A function applied to every output before it is stored. Default: none. */
  readonly activation?: Activation;
  /** The slope of `"leakyRelu"` for negative values. Default 0.01. */
  readonly negativeSlope?: number;
}

/** The valid values of the option `activation`. */
export const ACTIVATIONS: readonly Activation[] = ["relu", "relu6", "leakyRelu"];

/** What is applied to every output, spelled out. */
export type ActivationSettings = Omit<Epilogue, "add">;

const DEFAULT_NEGATIVE_SLOPE = 0.01;

/**
 * Checks activation options and spells them out.
 *
 * @throws {TypeError} If one is of the wrong kind, or there is a slope without `"leakyRelu"`.
 * @throws {RangeError} If a value is out of range.
 */
export function resolveActivation(where: string, options: ActivationOptions): ActivationSettings {
  const { activation, negativeSlope } = options;
  if (activation !== undefined) checkChoice(where, "activation", activation, ACTIVATIONS);
  if (negativeSlope === undefined) {
    const slope = activation === "leakyRelu" ? DEFAULT_NEGATIVE_SLOPE : 0;
    return { activation: activation ?? null, negativeSlope: slope };
  }
  if (activation !== "leakyRelu") {
    throw new TypeError(
      `${where}: negativeSlope goes with activation "leakyRelu", but activation is ` +
        describe(activation),
    );
  }
  if (typeof negativeSlope !== "number") {
    throw new TypeError(
      `${where}: negativeSlope must be a number, but is ${describe(negativeSlope)}`,
    );
  }
  if (!Number.isFinite(negativeSlope)) {
    throw new RangeError(`${where}: negativeSlope must be finite, but is ${negativeSlope}`);
  }
  return { activation, negativeSlope };
}

/**
 * What happens to an output before it leaves its register: a residual is added, then an activation
 * applied.
 *
 * @module
 */

/** A function applied to every output, as in `torch.nn`. */
export type Activation = "relu" | "relu6" | "leakyRelu";

/** `activation(sum + add)`. */
export interface Epilogue {
  /** Whether a tensor of the output's shape is added. */
  readonly add: boolean;
  readonly activation: Activation | null;
  /** Slope of `"leakyRelu"` for negative values. */
  readonly negativeSlope: number;
}

/** Nothing happens. */
export const NO_EPILOGUE: Epilogue = { add: false, activation: null, negativeSlope: 0 };

/** The upper end of `"relu6"`. */
export const RELU6_LIMIT = 6;

/** What is applied to every output, spelled out. */
export type ActivationSettings = Omit<Epilogue, "add">;

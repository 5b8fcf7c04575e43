import { checkOptionNames, describe } from "../base/checks.ts";
import type { Activation } from "../convolution/epilogue.ts";
import type { Size } from "../convolution/settings.ts";
import { defaultEngine, type Engine } from "../engine/engine.ts";
import { isSeenInOutput } from "../execution/gradients.ts";
import { addendGradient, addendGradientSync, type BackwardOptions } from "../layers/backward.ts";
import { engineOf, Layer } from "../layers/layer.ts";
import { type AnyTensor, partsOf, type Tensor, tensorOf } from "../tensor/tensor.ts";
import type { Values } from "../tensor/values.ts";
import type { InputGradients, Operation } from "./operation.ts";

/** Options of {@linkcode Tape.forward}. */
export interface TapeForwardOptions {
  /** A tensor that is added to the output before the activation. It gets a gradient too. */
  readonly add?: AnyTensor;
  /** Of transposed layers: the output's spatial sizes or its full shape. */
  readonly outputSize?: Size;
}

/** What a {@linkcode Tape} needs of a layer. The six layers have it. */
export interface TapeLayer {
  /** The function that is applied to every output, or `null`. */
  readonly activation: Activation | null;
  /** The slope of `"leakyRelu"` for negative values. */
  readonly negativeSlope: number;
  /** Whether the parameters will not change any more, and so need no gradient. */
  readonly frozen: boolean;
  /** Computes the output. */
  forward(input: AnyTensor, options?: TapeForwardOptions): Promise<Tensor>;
  /** Computes the output at once. */
  forwardSync(input: AnyTensor, options?: TapeForwardOptions): Tensor;
  /** Computes the input's gradient, and adds to those of the parameters. */
  backward(
    input: AnyTensor,
    gradOutput: AnyTensor,
    options?: BackwardOptions,
  ): Promise<Tensor | null>;
  /** The same at once. */
  backwardSync(
    input: AnyTensor,
    gradOutput: AnyTensor,
    options?: BackwardOptions,
  ): Tensor | null;
}

/**
 * Checks what a layer's forward pass is given on a tape.
 *
 * @throws {TypeError} If the layer is none, or an option unknown.
 * @throws {RangeError} If the gradient of what is added could not be told.
 */
export function checkForward(layer: TapeLayer, options: TapeForwardOptions): void {
  const where = "Tape.forward()";
  if (typeof layer !== "object" || layer === null || typeof layer.backward !== "function") {
    throw new TypeError(`${where}: layer must be a layer, but is ${describe(layer)}`);
  }
  if (typeof options === "object" && options !== null && "out" in options) {
    throw new TypeError(
      `${where}: out cannot be given: the tape keeps the output, so that it needs a tensor of its own`,
    );
  }
  checkOptionNames(where, options, ["add", "outputSize"]);
  if (options.add === undefined || isSeenInOutput(layer)) return;
  throw new RangeError(
    `${where}: with a negativeSlope below 0 (it is ${layer.negativeSlope}) the output does not tell ` +
      `the gradient of what is added: call Tape.add() on the output of a layer without activation`,
  );
}

/** The call of a layer, as an operation. */
export function layerOperation(
  layer: TapeLayer,
  input: AnyTensor,
  output: Tensor,
  { add }: TapeForwardOptions,
): Operation {
  const parameters = !layer.frozen;
  const optionsOf = (input: boolean): BackwardOptions => {
    const options = { input, parameters };
    return layer.activation === null ? options : { ...options, output };
  };
  // The layer applies the activation's gradient for its own operands; what was added is one more.
  const addendOf = (gradient: AnyTensor) => {
    const { activation, negativeSlope } = layer;
    const operands = [partsOf(gradient).values, partsOf(output).values] as const;
    return [engineFor(layer), { activation, negativeSlope }, ...operands] as const;
  };
  const gradientsOf = (ofInput: Tensor | null, ofAdd: Values | null): InputGradients =>
    add === undefined ? [ofInput] : [ofInput, ofAdd && tensorOf(ofAdd, output.shape)];
  return {
    name: String(layer),
    inputs: [input, ...(add === undefined ? [] : [add])].map(partsOf),
    output: partsOf(output),
    hasParameters: parameters,
    backward: async (gradient, [ofInput = false, ofAdd = false]) => {
      const found = ofInput || parameters
        ? await layer.backward(input, gradient, optionsOf(ofInput))
        : null;
      return gradientsOf(found, ofAdd ? await addendGradient(...addendOf(gradient)) : null);
    },
    backwardSync: (gradient, [ofInput = false, ofAdd = false]) => {
      const found = ofInput || parameters
        ? layer.backwardSync(input, gradient, optionsOf(ofInput))
        : null;
      return gradientsOf(found, ofAdd ? addendGradientSync(...addendOf(gradient)) : null);
    },
  };
}

/** Where the gradient of what was added to a layer's output is computed. */
function engineFor(layer: TapeLayer): Engine {
  return layer instanceof Layer ? engineOf(layer) : defaultEngine();
}

import { describe } from "../base/checks.ts";
import { checkTensor } from "../layers/call.ts";
import type { AnyTensor, TensorParts } from "../tensor/tensor.ts";
import { checkSameShape } from "./checks.ts";

/** The gradients of an operation's inputs, in their order; `null` is zero, and what is not needed. */
export type InputGradients = readonly (AnyTensor | null)[];

/**
 * The backward pass of an operation: from the gradient of its output, of the output's shape, to those of its inputs.
 * `needed` says of each input whether its gradient is used. The gradient may belong to others: it is not to be
 * changed.
 */
export type OperationBackward = (
  gradient: AnyTensor,
  needed: readonly boolean[],
) => InputGradients | Promise<InputGradients>;

/** An operation that has been computed. */
export interface Operation {
  /** For error messages. */
  readonly name: string;
  readonly inputs: readonly TensorParts[];
  readonly output: TensorParts;
  /** Whether something besides the inputs may want a gradient. */
  readonly hasParameters: boolean;
  readonly backward: OperationBackward;
  readonly backwardSync: OperationBackward;
}

/**
 * Checks what a backward pass returned.
 *
 * @throws {TypeError} If it is not an array of tensors and nulls.
 * @throws {RangeError} If there are not as many as inputs, or the shape of one is not its input's.
 */
export function checkGradients({ name, inputs }: Operation, gradients: unknown): void {
  const where = `${name}, backward pass`;
  if (!Array.isArray(gradients)) {
    throw new TypeError(
      `${where}: must return an array with a Tensor or null for every input, but returned ${
        describe(gradients)
      }`,
    );
  }
  if (gradients.length !== inputs.length) {
    throw new RangeError(
      `${where}: must return ${inputs.length} gradients, one for every input, but returned ` +
        gradients.length,
    );
  }
  inputs.forEach((input, index) => {
    const gradient: unknown = gradients[index];
    if (gradient === null) return;
    const what = `the gradient of input ${index}`;
    checkSameShape(where, what, checkTensor(where, what, gradient).shape, input.shape);
  });
}

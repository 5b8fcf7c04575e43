/**
 * The way back through operations.
 *
 * @module
 */

import { describeShape } from "../base/checks.ts";
import { checkTensor } from "../layers/call.ts";
import { sameShape } from "../tensor/shape.ts";
import { type AnyTensor, partsOf, Tensor, tensorOf, type TensorParts } from "../tensor/tensor.ts";
import type { Values } from "../tensor/values.ts";
import { checkSameShape } from "./checks.ts";
import { checkGradients, type InputGradients, type Operation } from "./operation.ts";

/** An operation whose turn it is. */
export interface Turn {
  readonly operation: Operation;
  readonly gradient: AnyTensor;
  readonly needed: readonly boolean[];
}

/** An output with its gradient. */
export interface Seed {
  readonly output: TensorParts;
  readonly gradient: AnyTensor;
}

/** Gradients by the values that they are of: a tensor that is reshaped stays the same. */
type Gradients = Map<Values, AnyTensor>;

/**
 * Goes back through operations, and says each that a gradient reaches; wants to be told the gradients of its inputs.
 *
 * @param operations The operations in their order.
 * @param watched Whose gradients are kept; those found are added.
 * @param seeds The outputs to begin with.
 */
export function* turns(
  operations: readonly Operation[],
  watched: Map<Values, Tensor | null>,
  seeds: readonly Seed[],
): Generator<Turn, void, InputGradients> {
  const gradients: Gradients = new Map();
  for (const { output, gradient } of seeds) arrive(gradients, output, gradient);
  const wanted = wantedValues(operations, watched);
  const keep = (values: Values, gradient: AnyTensor) => {
    const kept = watched.get(values);
    if (kept !== undefined) {
      watched.set(values, kept === null ? copy(gradient) : sum(kept, gradient));
    }
  };
  for (const operation of operations.toReversed()) {
    const { inputs, output } = operation;
    const gradient = gradients.get(output.values);
    if (gradient === undefined) continue;
    // Nothing adds to it any more, and its memory may be needed.
    gradients.delete(output.values);
    keep(output.values, gradient);
    if (!wanted.has(output.values)) continue;
    const needed = inputs.map(({ values }) => wanted.has(values));
    const found = yield { operation, gradient: shaped(gradient, output.shape), needed };
    checkGradients(operation, found);
    inputs.forEach((input, index) => {
      const gradient = found[index];
      if (gradient && needed[index]) arrive(gradients, input, gradient);
    });
  }
  for (const [values, gradient] of gradients) keep(values, gradient);
}

/** What needs a gradient: what was asked for, and what was computed from that or with parameters. */
function wantedValues(
  operations: readonly Operation[],
  watched: ReadonlyMap<Values, unknown>,
): ReadonlySet<Values> {
  const wanted = new Set(watched.keys());
  for (const { inputs, output, hasParameters } of operations) {
    if (hasParameters || inputs.some(({ values }) => wanted.has(values))) wanted.add(output.values);
  }
  return wanted;
}

/** Adds a gradient to what has arrived. What has arrived may belong to others and is not changed. */
function arrive(gradients: Gradients, { values, shape }: TensorParts, gradient: AnyTensor): void {
  const before = gradients.get(values);
  gradients.set(values, before === undefined ? gradient : sum(before, shaped(gradient, shape)));
}

/**
 * The outputs of a backward pass with their gradients.
 *
 * @throws {TypeError} If one is not a tensor.
 * @throws {RangeError} If a gradient is missing or of the wrong shape.
 */
export function seedsOf(
  where: string,
  output: unknown,
  gradient: unknown,
): readonly Seed[] {
  const outputs: readonly unknown[] = Array.isArray(output) ? output : [output];
  const gradients: readonly unknown[] = Array.isArray(gradient) ? gradient : [gradient];
  if (gradient !== undefined && gradients.length !== outputs.length) {
    throw new RangeError(
      `${where}: there must be a gradient for every output, but there are ${outputs.length} outputs ` +
        `and ${gradients.length} gradients`,
    );
  }
  return outputs.map((output, index) => {
    const parts = checkTensor(where, "output", output);
    const given = gradients[index];
    if (gradient === undefined) {
      if (parts.values.length === 1) {
        return { output: parts, gradient: Tensor.full(parts.shape, 1) };
      }
      throw new RangeError(
        `${where}: an output of shape ${describeShape(parts.shape)} needs a gradient; only of a ` +
          `single number it may be left out`,
      );
    }
    const { values, shape } = checkTensor(where, "gradient", given);
    checkSameShape(where, "gradient", shape, parts.shape);
    return { output: parts, gradient: tensorOf(values, shape) };
  });
}

/** The sum of two tensors of the same size, of the shape of the first. */
export function sum(a: AnyTensor, b: AnyTensor): Tensor {
  const values = partsOf(a).values.elements;
  const others = partsOf(b).values.elements;
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = (values[i] ?? 0) + (others[i] ?? 0);
  return new Tensor(result, a.shape);
}

function copy(tensor: AnyTensor): Tensor {
  return new Tensor(new Float32Array(partsOf(tensor).values.elements), tensor.shape);
}

/** A tensor with a shape; the same one where it has it. */
export function shaped<Buffer extends ArrayBufferLike>(
  tensor: Tensor<Buffer>,
  shape: readonly number[],
): Tensor<Buffer> {
  return sameShape(tensor.shape, shape) ? tensor : tensor.reshape(shape);
}

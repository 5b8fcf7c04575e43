import { describe, describeShape } from "../base/checks.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor, TensorParts } from "../tensor/tensor.ts";
import { checkTensor } from "./call.ts";
import type { Parameter } from "./parameter.ts";

/** The values of a layer's parameters by name; `bias` is missing where the layer has none. */
export type StateDict = {
  /** `(out, in / groups, k...)`, of transposed layers `(in, out / groups, k...)`. */
  weight: Tensor;
  /** `(out)`. */
  bias?: Tensor;
};

/**
 * Checks that a dictionary has a tensor for each of a layer's parameters and nothing else.
 *
 * @param where The layer's name.
 * @param parameters The names of the layer's parameters.
 * @param dict What the user gave.
 * @returns The insides of the tensors by name, in the order of the parameters.
 * @throws {TypeError} If a name is missing or unknown, or a value is not a tensor.
 */
export function checkStateDict(
  where: string,
  parameters: readonly string[],
  dict: unknown,
): ReadonlyMap<string, TensorParts> {
  const names = parameters.map(describe).join(" and ");
  if (typeof dict !== "object" || dict === null) {
    throw new TypeError(
      `${where}: the state must be an object with ${names}, but is ${describe(dict)}`,
    );
  }
  const values = new Map<string, unknown>(Object.entries(dict));
  for (const name of values.keys()) {
    if (parameters.includes(name)) continue;
    throw new TypeError(
      `${where}: unknown parameter ${describe(name)} in the state (this layer has ${names})`,
    );
  }
  return new Map(parameters.map((name) => {
    if (!values.has(name)) {
      throw new TypeError(
        `${where}: ${describe(name)} is missing from the state (this layer has ${names})`,
      );
    }
    return [name, checkTensor(where, name, values.get(name))];
  }));
}

/**
 * Checks that tensors of a state have the shapes of the parameters that they are for.
 *
 * @throws {RangeError} If one has not.
 */
export function checkStateShapes(
  where: string,
  parameters: ReadonlyMap<string, Parameter>,
  state: ReadonlyMap<string, TensorParts>,
): void {
  for (const [name, parameter] of parameters) {
    const shape = state.get(name)?.shape ?? [];
    if (sameShape(shape, parameter.shape)) continue;
    throw new RangeError(
      `${where}: ${name} must have shape ${describeShape(parameter.shape)}, but the state's has ` +
        describeShape(shape),
    );
  }
}

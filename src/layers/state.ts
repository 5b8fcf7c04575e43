import { describe, describeShape } from "../base/checks.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
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
 * Checks that a dictionary has exactly a layer's parameters, in their shapes.
 *
 * @param where The layer's name.
 * @param parameters The layer's parameters by name.
 * @param dict What the user gave.
 * @returns The values, in the order of the parameters.
 * @throws {TypeError} If a name is missing or unknown, or a value is not a tensor.
 * @throws {RangeError} If a tensor has another shape than its parameter.
 */
export function checkStateDict(
  where: string,
  parameters: ReadonlyMap<string, Parameter>,
  dict: unknown,
): readonly Float32Array[] {
  const names = [...parameters.keys()].map(describe).join(" and ");
  if (typeof dict !== "object" || dict === null) {
    throw new TypeError(
      `${where}: the state must be an object with ${names}, but is ${describe(dict)}`,
    );
  }
  const values = new Map<string, unknown>(Object.entries(dict));
  for (const name of values.keys()) {
    if (parameters.has(name)) continue;
    throw new TypeError(
      `${where}: unknown parameter ${describe(name)} in the state (this layer has ${names})`,
    );
  }
  return Array.from(parameters, ([name, parameter]) => {
    if (!values.has(name)) {
      throw new TypeError(
        `${where}: ${describe(name)} is missing from the state (this layer has ${names})`,
      );
    }
    const { shape, values: found } = checkTensor(where, name, values.get(name));
    if (!sameShape(shape, parameter.shape)) {
      throw new RangeError(
        `${where}: ${name} must have shape ${
          describeShape(parameter.shape)
        }, but the state's has ` +
          describeShape(shape),
      );
    }
    return found.elements;
  });
}

import { describe } from "../../base/checks.ts";
import { checkTensor } from "../checks.ts";
import type { AnyTensor } from "../../tensor/tensor.ts";
import { Tensor } from "../../tensor/tensor.ts";

/**
 * Tensors by name, such as `features.0.weight`. Those that are read from a file have no prototype: no name that a file
 * can have is anything else there.
 */
export type TensorDict = Record<string, Tensor>;

/** What a tensor is called that stands in a file by itself. */
export const UNNAMED = "tensor";

/** What is written: tensors by name. */
export type TensorEntries = readonly (readonly [name: string, tensor: AnyTensor])[];

/** A tensor that was read from a file. */
export interface StoredTensor {
  readonly name: string;
  /** The type of its values in the file. */
  readonly dtype: string;
  readonly tensor: Tensor;
}

/** Makes a dictionary of what was read. */
export function dictOf(stored: Iterable<StoredTensor>): TensorDict {
  const dict: TensorDict = Object.create(null);
  for (const { name, tensor } of stored) dict[name] = tensor;
  return dict;
}

/**
 * Checks what is to be written.
 *
 * @param where The caller's name.
 * @param dict What the user gave.
 * @throws {TypeError} If it is not an object of tensors.
 */
export function checkDict(where: string, dict: unknown): TensorEntries {
  if (typeof dict !== "object" || dict === null || dict instanceof Tensor) {
    throw new TypeError(
      `${where}: tensors must be an object such as { weight: tensor }, but are ${describe(dict)}`,
    );
  }
  return Object.entries(dict).map(([name, value]: [string, unknown]) => {
    return [name, checkTensor(where, describe(name), value)];
  });
}

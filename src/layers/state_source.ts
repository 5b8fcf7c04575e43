/**
 * Where the values of a parameter come from: tensors of a dictionary.
 *
 * @module
 */

import { describeShape } from "../base/checks.ts";
import { sameShape } from "../tensor/shape.ts";
import { checkTensor } from "./call.ts";

/** A tensor of a dictionary that has another shape than it should. */
export interface Misfit {
  readonly name: string;
  readonly found: readonly number[];
  readonly expected: readonly number[];
}

/** What a dictionary has for one parameter. */
export interface StateSource {
  /** The names of it in the dictionary. */
  readonly names: readonly string[];
  /** Those that should be there too. Without them there is nothing to read. */
  readonly missing: readonly string[];
  /** Those whose shapes do not fit a parameter of this shape. */
  misfits(shape: readonly number[]): readonly Misfit[];
  read(): Float32Array;
}

/** A parameter that is there under its name. */
export function plainSource(
  where: string,
  name: string,
  dict: ReadonlyMap<string, unknown>,
): StateSource {
  const { shape, values } = checkTensor(where, name, dict.get(name));
  return {
    names: [name],
    missing: [],
    misfits: (expected) => sameShape(shape, expected) ? [] : [{ name, found: shape, expected }],
    read: () => values.elements,
  };
}

/** A parameter that some names are missing for. */
export function incompleteSource(
  names: readonly string[],
  missing: readonly string[],
): StateSource {
  return { names, missing, misfits: () => [], read: () => new Float32Array(0) };
}

/** What is wrong with a shape. */
export function describeMisfit({ name, found, expected }: Misfit): string {
  return `${name} must have shape ${describeShape(expected)}, but the state's has ` +
    describeShape(found);
}

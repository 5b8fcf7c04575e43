/**
 * Where the values of a parameter come from: tensors of a dictionary.
 *
 * @module
 */

import { describeShape } from "../base/checks.ts";
import { sameShape } from "../tensor/shape.ts";
import { checkTensor } from "./call.ts";

/** What shape a parameter must have. */
export interface ExpectedShape {
  /** The shape in words, such as `[16, 3, 3, 3]`. */
  readonly text: string;
  fits(shape: readonly number[]): boolean;
}

/** No shape but this. */
export function exactShape(expected: readonly number[]): ExpectedShape {
  return { text: describeShape(expected), fits: (shape) => sameShape(shape, expected) };
}

/** A tensor of a dictionary that has another shape than it should. */
export interface Misfit {
  readonly name: string;
  readonly found: readonly number[];
  readonly expected: ExpectedShape;
}

/** Values for a parameter. */
export interface SourceValues {
  readonly shape: readonly number[];
  readonly elements: Float32Array;
}

/** What a dictionary has for one parameter. */
export interface StateSource {
  /** The names of it in the dictionary. */
  readonly names: readonly string[];
  /** Those that should be there too. Without them there is nothing to read. */
  readonly missing: readonly string[];
  /** Those whose shapes do not fit a parameter of this shape. */
  misfits(expected: ExpectedShape): readonly Misfit[];
  /** The values. They may lie where the dictionary has them. */
  read(): SourceValues;
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
    misfits: (expected) => expected.fits(shape) ? [] : [{ name, found: shape, expected }],
    read: () => ({ shape, elements: values.elements }),
  };
}

/** A parameter that some names are missing for. */
export function incompleteSource(
  names: readonly string[],
  missing: readonly string[],
): StateSource {
  return {
    names,
    missing,
    misfits: () => [],
    read: () => ({ shape: [0], elements: new Float32Array(0) }),
  };
}

/** Names of large networks are long, and differ at their ends; longer ones are nobody's. */
const MOST_LETTERS = 200;

/** A name of a dictionary as error messages show it. */
export function describeName(name: string): string {
  return JSON.stringify(name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS)}...` : name);
}

/** What is wrong with a shape. */
export function describeMisfit({ name, found, expected }: Misfit): string {
  return `${name} must have shape ${expected.text}, but the state's has ${describeShape(found)}`;
}

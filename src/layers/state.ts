/**
 * The values of a layer's parameters by name: what a layer finds of them in a dictionary.
 *
 * @module
 */

import { describe, nearestName } from "../base/checks.ts";
import { type AnyTensor, Tensor } from "../tensor/tensor.ts";
import { copyOf, mayShare } from "../tensor/values.ts";
import {
  describeMisfit,
  describeName,
  type ExpectedShape,
  incompleteSource,
  type Misfit,
  plainSource,
  type SourceValues,
  type StateSource,
} from "./state_source.ts";
import { weightNormSource } from "./weight_norm.ts";

/** The values of a layer's parameters by name; `bias` is missing where the layer has none. */
export type StateDict = {
  /** `(out, in / groups, k...)`, of transposed layers `(in, out / groups, k...)`. */
  weight: Tensor;
  /** `(out)`. */
  bias?: Tensor;
};

/** Tensors by name, such as those of a file. */
export type NamedTensors =
  | Readonly<Record<string, AnyTensor>>
  | ReadonlyMap<string, AnyTensor>;

/** Options of {@linkcode Layer.loadStateDict}. */
export interface LoadStateDictOptions {
  /**
   * What the layer is called in the dictionary: its parameters are `prefix.weight` and `prefix.bias`, and names
   * that do not begin so are not looked at. Default `""`: the dictionary is the layer's alone.
   */
  readonly prefix?: string;
}

/** A layer, as far as its state goes. */
export interface StateTarget {
  /** How error messages call it, such as `Conv2d`. */
  readonly name: string;
  /** Its parameters, and the shapes that they must have. */
  readonly expected: ReadonlyMap<string, ExpectedShape>;
  /** Where its parameters lie. */
  readonly buffers: readonly ArrayBufferLike[];
  /** Does all that may fail, and returns what sets the parameters to values that fit; others stay as they are. */
  prepare(values: ReadonlyMap<string, SourceValues>): () => void;
}

/** The parameter that every layer has. */
const WEIGHT = "weight";

/** What a dictionary has for a layer. */
export interface StateFit {
  readonly target: StateTarget;
  /** The names that are the layer's. */
  readonly names: readonly string[];
  readonly missing: readonly string[];
  readonly misfits: readonly Misfit[];
  /** What there is for its parameters. */
  readonly sources: ReadonlyMap<string, StateSource>;
}

/**
 * The values of a dictionary by name, whatever they are.
 *
 * @throws {TypeError} If it is neither an object nor a map, or a name of a map is no string.
 */
export function entriesOf(
  where: string,
  what: string,
  dict: unknown,
  expected: string,
): Map<string, unknown> {
  if (typeof dict !== "object" || dict === null) {
    throw new TypeError(
      `${where}: ${what} must be an object with ${expected}, but is ${describe(dict)}`,
    );
  }
  const entries = new Map<unknown, unknown>(dict instanceof Map ? dict : Object.entries(dict));
  for (const name of entries.keys()) {
    if (typeof name === "string") continue;
    throw new TypeError(
      `${where}: the names of ${what} must be strings, but one is ${describe(name)}`,
    );
  }
  return entries as Map<string, unknown>;
}

/**
 * How the names begin that a prefix stands before: with the prefix and a dot.
 *
 * @throws {TypeError} If the prefix is not a string.
 */
export function beginOf(where: string, prefix: unknown): string {
  if (typeof prefix !== "string") {
    throw new TypeError(`${where}: prefix must be a string, but is ${describe(prefix)}`);
  }
  return prefix === "" || prefix.endsWith(".") ? prefix : `${prefix}.`;
}

/**
 * Looks a layer's parameters up in a dictionary. Nothing is changed.
 *
 * @param where Who does it, for error messages.
 * @param target The layer.
 * @param begin How its names begin.
 * @param dict The dictionary.
 * @returns What is there.
 * @throws {TypeError} If a value is not a tensor.
 */
export function fitState(
  where: string,
  target: StateTarget,
  begin: string,
  dict: ReadonlyMap<string, unknown>,
): StateFit {
  const found = Array.from(target.expected, ([parameter, expected]) => ({
    parameter,
    expected,
    source: dict.has(begin + parameter)
      ? plainSource(where, begin + parameter, dict)
      : weightNormSource(where, begin, parameter, dict) ??
        incompleteSource([], [begin + parameter]),
  }));
  const complete = found.filter(({ source }) => source.missing.length === 0);
  return {
    target,
    names: found.flatMap(({ source }) => source.names),
    missing: found.flatMap(({ source }) => source.missing),
    misfits: complete.flatMap(({ expected, source }) => source.misfits(expected)),
    sources: new Map(complete.map(({ parameter, source }) => [parameter, source])),
  };
}

/** Sets the parameters of layers to what there is for them and fits. After an error all are as they were. */
export function storeFits(fits: readonly StateFit[]): void {
  const targets = [...new Set(fits.flatMap(({ target }) => target.buffers))];
  // Nothing is read any more where something is written.
  const apart = ({ shape, elements }: SourceValues) => ({
    shape,
    elements: targets.some((target) => mayShare(target, elements.buffer))
      ? copyOf(elements)
      : elements,
  });
  const stores = fits.map(({ target, sources }) =>
    target.prepare(new Map(Array.from(sources, ([name, source]) => [name, apart(source.read())])))
  );
  for (const store of stores) store();
}

/**
 * Sets a layer's parameters to the values of a dictionary, or changes nothing.
 *
 * @throws {TypeError} If a name is missing or unknown, or a value is not a tensor.
 * @throws {RangeError} If a tensor has another shape than its parameter.
 */
export function loadState(target: StateTarget, dict: unknown, prefix: unknown): void {
  const where = target.name;
  const parameters = [...target.expected.keys()].map(describe).join(" and ");
  const entries = entriesOf(where, "the state", dict, parameters);
  const begin = beginOf(where, prefix);
  const fit = fitState(where, target, begin, entries);
  const unused = [...entries.keys()].filter((name) => !fit.names.includes(name));
  const unexpected = unused.find((name) => name.startsWith(begin));
  const [missing] = fit.missing;
  const ending = `(this layer has ${parameters})`;
  if (unexpected !== undefined) {
    const hint = begin === "" ? nameHint(target, entries) : "";
    throw new TypeError(
      `${where}: unknown parameter ${describeName(unexpected)} in the state` +
        `${hint || didYouMeanName(unexpected, fit.missing)} ${ending}`,
    );
  }
  if (missing !== undefined) {
    throw new TypeError(
      `${where}: ${describeName(missing)} is missing from the state` +
        `${didYouMeanName(missing, unused)} ${ending}`,
    );
  }
  const [misfit] = fit.misfits;
  if (misfit !== undefined) throw new RangeError(`${where}: ${describeMisfit(misfit)}`);
  storeFits([fit]);
}

/** A name of a state may differ from what was meant in so many of its letters, such as a word between two dots. */
const LETTERS_AN_EDIT = 4;

/** How an error message about a name goes on: with the name that was probably meant, if one is near. */
export function didYouMeanName(name: string, names: readonly string[]): string {
  const mostEdits = Math.max(2, Math.floor(name.length / LETTERS_AN_EDIT));
  const nearest = nearestName(name, names, mostEdits) ??
    names.find((other) => other.endsWith(`.${name}`) || name.endsWith(`.${other}`));
  return nearest === undefined ? "" : `, did you mean ${describeName(nearest)}?`;
}

/** What to do where a layer of this kind is in the dictionary by a name. */
function nameHint(target: StateTarget, dict: ReadonlyMap<string, unknown>): string {
  const tensors = new Map([...dict].filter(([, value]) => value instanceof Tensor));
  const begins = [...tensors.keys()].filter((name) => name.endsWith(`.${WEIGHT}`))
    .map((name) => name.slice(0, -WEIGHT.length));
  const begin = begins.find((begin) => {
    const { missing, misfits } = fitState(target.name, target, begin, tensors);
    return missing.length + misfits.length === 0;
  });
  return begin === undefined ? "" : hintOf(begin);
}

/** How an error message goes on where it would fit if names began so. */
export function hintOf(begin: string): string {
  return ` (it would fit with { prefix: ${describeName(begin.slice(0, -1))} })`;
}

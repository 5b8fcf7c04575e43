/**
 * The values of a layer's parameters by name: what a layer finds of them in a dictionary.
 *
 * @module
 */

import { describe, nearestName } from "../base/checks.ts";
import type { AnyTensor, Tensor } from "../tensor/tensor.ts";
import { describeMisfit, incompleteSource, type Misfit, plainSource } from "./state_source.ts";
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

/** A parameter that values are copied into. */
export interface StateSlot {
  readonly shape: readonly number[];
  readonly elements: Float32Array;
}

/** A layer, as far as its state goes. */
export interface StateTarget {
  /** How error messages call it, such as `Conv2d`. */
  readonly name: string;
  readonly slots: ReadonlyMap<string, StateSlot>;
  /** To be called when the slots have been written. */
  readonly loaded: () => void;
}

/** What a dictionary has for a layer. */
export interface StateFit {
  /** The names that are the layer's. */
  readonly names: readonly string[];
  readonly missing: readonly string[];
  readonly misfits: readonly Misfit[];
  /** Reads what is there. Once all that is to be read has been, it can be stored. */
  read(): () => void;
}

/**
 * The values of a dictionary by name, whatever they are.
 *
 * @throws {TypeError} If it is neither an object nor a map.
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
  return new Map<string, unknown>(dict instanceof Map ? dict : Object.entries(dict));
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
  const found = Array.from(target.slots, ([parameter, slot]) => ({
    slot,
    source: dict.has(begin + parameter)
      ? plainSource(where, begin + parameter, dict)
      : weightNormSource(where, begin, parameter, dict) ??
        incompleteSource([], [begin + parameter]),
  }));
  const complete = found.filter(({ source }) => source.missing.length === 0);
  return {
    names: found.flatMap(({ source }) => source.names),
    missing: found.flatMap(({ source }) => source.missing),
    misfits: complete.flatMap(({ slot, source }) => source.misfits(slot.shape)),
    read: () => {
      const values = complete.map(({ slot, source }) => ({ slot, elements: source.read() }));
      return () => {
        for (const { slot, elements } of values) slot.elements.set(elements);
        target.loaded();
      };
    },
  };
}

/**
 * Sets a layer's parameters to the values of a dictionary, or changes nothing.
 *
 * @throws {TypeError} If a name is missing or unknown, or a value is not a tensor.
 * @throws {RangeError} If a tensor has another shape than its parameter.
 */
export function loadState(target: StateTarget, dict: unknown, prefix: unknown): void {
  const where = target.name;
  const parameters = [...target.slots.keys()].map(describe).join(" and ");
  const entries = entriesOf(where, "the state", dict, parameters);
  const begin = beginOf(where, prefix);
  const fit = fitState(where, target, begin, entries);
  const unexpected = [...entries.keys()]
    .find((name) => name.startsWith(begin) && !fit.names.includes(name));
  if (unexpected !== undefined) {
    throw new TypeError(
      `${where}: unknown parameter ${describe(unexpected)} in the state` +
        `${didYouMeanName(unexpected, fit.missing)} (this layer has ${parameters})`,
    );
  }
  const [missing] = fit.missing;
  if (missing !== undefined) {
    throw new TypeError(
      `${where}: ${describe(missing)} is missing from the state` +
        `${didYouMeanName(missing, [...entries.keys()])} (this layer has ${parameters})`,
    );
  }
  const [misfit] = fit.misfits;
  if (misfit !== undefined) throw new RangeError(`${where}: ${describeMisfit(misfit)}`);
  fit.read()();
}

/** A name of a state may differ from what was meant in so many of its letters, such as a word between two dots. */
const LETTERS_AN_EDIT = 4;

/** How an error message about a name goes on: with the name that was probably meant, if one is near. */
export function didYouMeanName(name: string, names: readonly string[]): string {
  const mostEdits = Math.max(2, Math.floor(name.length / LETTERS_AN_EDIT));
  const nearest = nearestName(name, names, mostEdits) ??
    names.find((other) => other.endsWith(`.${name}`) || name.endsWith(`.${other}`));
  return nearest === undefined ? "" : `, did you mean ${describe(nearest)}?`;
}

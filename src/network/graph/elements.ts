/**
 * Steps that go element by element, as the threads do them.
 *
 * @module
 */

import { range } from "../../base/numbers.ts";
import type { MapPrograms } from "../../execution/map.ts";
import { type ElementMap, planElements } from "../../kernels/maps/elements.ts";
import type { Value } from "./values.ts";

/** The programs of a map of so many computed inputs. */
export function elementPrograms(elements: ElementMap, inputs: number): MapPrograms {
  return { operands: range(inputs), plan: (target) => planElements(elements, target) };
}

/** A map whose inputs are some values, with the numbers of those that are known. */
export function withNumbers(elements: ElementMap, values: readonly Value[]): ElementMap {
  let next = 0;
  return {
    ...elements,
    inputs: elements.inputs.map((input) => {
      if (input.numbers !== undefined) return input;
      const value = values[next++];
      if (value === undefined || !value.isConstant) return input;
      const { data } = value;
      return { ...input, numbers: data instanceof Float32Array ? data : Float32Array.from(data) };
    }),
  };
}

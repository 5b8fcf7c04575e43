/**
 * Makes one step of two that go element by element, one behind the other: what is between them stays in registers.
 *
 * @module
 */

import { product } from "../base/numbers.ts";
import type { MapPrograms } from "../execution/map.ts";
import type { ElementMap } from "../kernels/maps/elements.ts";
import type { Formula } from "../kernels/maps/formulas.ts";
import { elementPrograms } from "./graph/elements.ts";
import type { Elementwise } from "./graph/steps.ts";

/** Operators of a step at most: their programs get long. */
const MOST_LINKS = 16;

/** Inputs of a step at most: they lie in registers. */
const MOST_INPUTS = 4;

/**
 * A step that does what two do.
 *
 * @param place Which of the second one's inputs the first one makes.
 * @returns `null` if they do not go through the same elements in the same order.
 */
export function chained(
  first: Elementwise,
  second: Elementwise,
  place: number,
): Elementwise | null {
  const elements = joined(first, second, place);
  const links = first.links + second.links;
  if (elements === null || elements.inputs.length > MOST_INPUTS || links > MOST_LINKS) return null;
  const inputs = second.inputs.toSpliced(place, 1, ...first.inputs);
  const programs: MapPrograms = elementPrograms(elements, inputs.length);
  return {
    ...second,
    operator: `${first.operator} + ${second.operator}`,
    node: first.node,
    inputs,
    meaning: null,
    elements,
    links,
    programs,
    compute: (arrays, output) => {
      const between = new Float32Array(product(first.shape));
      const end = place + first.inputs.length;
      first.compute(arrays.slice(place, end), between);
      second.compute([...arrays.slice(0, place), between, ...arrays.slice(end)], output);
    },
  };
}

function joined(first: Elementwise, second: Elementwise, place: number): ElementMap | null {
  const [inner, outer] = [first.elements, second.elements];
  if (inner === null || outer === null) return null;
  const at = outer.inputs.findIndex((input) => input === operandsOf(outer)[place]);
  const input = outer.inputs[at];
  const isSame = inner.shape.length === outer.shape.length &&
    outer.shape.every((size, axis) =>
      size === inner.shape[axis] && (size === 1 || input?.steps[axis] === outer.steps[axis])
    );
  if (!isSame) return null;
  return {
    name: `${inner.name} + ${outer.name}`,
    shape: outer.shape,
    inputs: outer.inputs.toSpliced(at, 1, ...inner.inputs),
    steps: outer.steps,
    formula: composed(inner.formula, inner.inputs.length, outer.formula, at),
  };
}

/** The inputs that are no numbers. */
function operandsOf({ inputs }: ElementMap): ElementMap["inputs"] {
  return inputs.filter(({ numbers }) => numbers === undefined);
}

/** A formula one of whose inputs another one makes of so many. */
function composed(inner: Formula, count: number, outer: Formula, at: number): Formula {
  return (code, registers) => {
    const between = inner(code, registers.slice(at, at + count));
    return outer(code, registers.toSpliced(at, count, between));
  };
}

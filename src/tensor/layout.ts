/**
 * Orders of axes by the letters that other packages name them by.
 *
 * @module
 */

import { describe, describeShape } from "../base/checks.ts";

/** How the axes of one kind of tensor lie here, by their letters, and which of them there always are. */
interface Kind {
  readonly order: string;
  readonly always: string;
}

/** Weights of depthwise convolutions, M outputs of each input. */
const DEPTHWISE: Kind = { order: "IMDHWL", always: "IM" };

const KINDS: readonly Kind[] = [
  { order: "NCDHWL", always: "C" },
  { order: "OIDHWL", always: "OI" },
  DEPTHWISE,
];

/** How the axes of a tensor come into the order that they have here. */
export interface Rearrangement {
  /** Where each axis comes from. */
  readonly axes: readonly number[];
  readonly shape: readonly number[];
}

/**
 * What brings a tensor into the order that it has here.
 *
 * @param where Who does it, for error messages.
 * @param layout The letters of its axes.
 * @param shape Its shape.
 * @throws {TypeError} If the layout is not a string.
 * @throws {RangeError} If the letters are not those of a kind of tensor, or not as many as there are axes.
 */
export function rearrangement(
  where: string,
  layout: unknown,
  shape: readonly number[],
): Rearrangement {
  if (typeof layout !== "string") {
    throw new TypeError(
      `${where}: layout must be a string such as "NHWC", but is ${describe(layout)}`,
    );
  }
  const letters = [...layout];
  const kind = KINDS.find(({ order, always }) =>
    letters.every((letter, axis) => order.includes(letter) && letters.indexOf(letter) === axis) &&
    [...always].every((letter) => letters.includes(letter))
  );
  if (kind === undefined) {
    throw new RangeError(
      `${where}: layout must be the axes of a batch or an item (N, C and D, H, W or L), such as "NHWC", or of a ` +
        `weight (O, I and D, H, W or L), such as "HWIO", but is ${describe(layout)}`,
    );
  }
  if (letters.length !== shape.length) {
    throw new RangeError(
      `${where}: layout ${describe(layout)} has ${letters.length} axes, but the shape is ` +
        describeShape(shape),
    );
  }
  const axes = [...kind.order].filter((letter) => letters.includes(letter))
    .map((letter) => letters.indexOf(letter));
  const sizes = axes.map((axis) => shape[axis] ?? 1);
  if (kind !== DEPTHWISE) return { axes, shape: sizes };
  // Here each of the outputs has one input.
  const [inputs = 1, multiplier = 1, ...kernel] = sizes;
  return { axes, shape: [inputs * multiplier, 1, ...kernel] };
}

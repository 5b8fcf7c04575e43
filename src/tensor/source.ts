/**
 * What a tensor can be made of besides an array and a shape.
 *
 * @module
 */

import { describe } from "../base/checks.ts";
import { type Elements, foreignElements, type ForeignTensor } from "./foreign.ts";
import { rearrangement } from "./layout.ts";
import { flatten, isTypedNumbers, type NestedNumbers } from "./nested.ts";
import { PICTURE_LAYOUT, type PictureData, pictureElements } from "./picture.ts";
import { type Dense, dense, permuted } from "./rearrange.ts";
import { wholeView } from "./strided.ts";

/** What {@linkcode Tensor.from} takes besides a tensor. */
export type TensorSource = NestedNumbers | ForeignTensor | PictureData;

/**
 * The elements of nested arrays or of a tensor of another package, in row-major order.
 *
 * @param where Who asks, for error messages.
 * @param source What has them.
 * @param layout The letters of its axes, or `undefined` if they lie as they do here.
 * @throws {TypeError} If it is none of them or holds anything but numbers.
 * @throws {RangeError} If its shape, its data and the layout do not fit together.
 */
export function readSource(where: string, source: unknown, layout: unknown): Dense {
  if (typeof source !== "object" || source === null || isNested(source)) {
    const { values, shape } = flatten(where, source);
    return arranged(where, { shape, view: wholeView(values, shape) }, layout);
  }
  const foreign = foreignElements(where, source);
  if (foreign) return arranged(where, foreign, layout);
  const picture = pictureElements(where, source);
  if (picture === undefined) {
    throw new TypeError(
      `${where}: what is no array must have shape or dims, or width and height, and data, but is ` +
        describe(source),
    );
  }
  if (layout !== undefined && layout !== PICTURE_LAYOUT) {
    throw new RangeError(
      `${where}: the layout of a picture is "${PICTURE_LAYOUT}", but the option is ${
        describe(layout)
      }`,
    );
  }
  const pixels = arranged(where, picture, PICTURE_LAYOUT);
  scale(pixels.data, picture.most);
  return pixels;
}

function scale(values: Float32Array, most: number): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) / most;
}

function isNested(source: object): boolean {
  return Array.isArray(source) || isTypedNumbers(source);
}

/** Elements in the order that their axes have here. */
export function arranged(where: string, elements: Elements, layout: unknown): Dense {
  if (layout === undefined) return dense(elements);
  const { axes, shape } = rearrangement(where, layout, elements.shape);
  return { data: dense(permuted(elements, axes)).data, shape };
}

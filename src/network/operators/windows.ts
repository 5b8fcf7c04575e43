/**
 * The windows of convolutions and poolings, as attributes describe them.
 *
 * @module
 */

import { product, range } from "../../base/numbers.ts";
import type { PaddingPair } from "../../convolution/settings.ts";
import type { Site } from "../graph/site.ts";

/** A number for each axis. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly PaddingPair[];
}

/** An attribute with a number for each axis. */
export function perAxis(
  site: Site,
  name: string,
  axes: number,
  standard: number,
  least = 1,
): readonly number[] {
  const values = site.numbers(name) ?? range(axes).map(() => standard);
  if (values.length !== axes) {
    return site.fail(`${name} must have ${axes} numbers, but is [${values.join(", ")}]`);
  }
  if (values.some((value) => !Number.isInteger(value) || value < least)) {
    return site.fail(`${name} must be integers from ${least} on, but is [${values.join(", ")}]`);
  }
  return values;
}

/** The padding that the attribute `pads` says. */
export function explicitPadding(site: Site, axes: number): PaddingPair[] {
  const pads = perAxis(site, "pads", 2 * axes, 0, 0);
  return range(axes).map((axis) => [pads[axis] ?? 0, pads[axes + axis] ?? 0]);
}

/** How a whole padding is shared out: what is left over goes to the end, or to the begin. */
export function shareOut(total: number, isLeftAtEnd: boolean): PaddingPair {
  const half = Math.floor(total / 2);
  return isLeftAtEnd ? [half, total - half] : [total - half, half];
}

/** What `auto_pad` says. */
export function autoPadding(site: Site): "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER" {
  const mode = site.text("auto_pad", "NOTSET");
  switch (mode) {
    case "NOTSET":
    case "VALID":
    case "SAME_UPPER":
    case "SAME_LOWER":
      return mode;
  }
  return site.fail(`auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, but is ${mode}`);
}

/** Of a window: from its first to its last element. */
export function extent(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/**
 * The windows of a convolution or pooling.
 *
 * @param spatial Sizes of the input.
 */
export function windowsOf(
  site: Site,
  kernel: readonly number[],
  spatial: readonly number[],
): Windows {
  const axes = kernel.length;
  const stride = perAxis(site, "strides", axes, 1);
  const dilation = perAxis(site, "dilations", axes, 1);
  return {
    kernel,
    stride,
    dilation,
    padding: paddingOf(site, { kernel, stride, dilation }, spatial),
  };
}

function paddingOf(
  site: Site,
  { kernel, stride, dilation }: Omit<Windows, "padding">,
  spatial: readonly number[],
): readonly PaddingPair[] {
  const mode = autoPadding(site);
  if (mode === "NOTSET") return explicitPadding(site, kernel.length);
  if (mode === "VALID") return kernel.map(() => [0, 0]);
  return kernel.map((taps, axis) => {
    const size = spatial[axis] ?? 0;
    const step = stride[axis] ?? 1;
    const outputs = Math.ceil(size / step);
    const total = (outputs - 1) * step + extent(taps, dilation[axis] ?? 1) - size;
    return shareOut(Math.max(0, total), mode === "SAME_UPPER");
  });
}

/** The axes behind batch and channels. */
export function spatialOf(site: Site, shape: readonly number[]): readonly number[] {
  if (shape.length >= 3) return shape.slice(2);
  return site.fail(`the input must have batch, channels and more axes, but has ${shape.length}`);
}

/** How many elements each channel of each item has. */
export function planeLength(shape: readonly number[]): number {
  return product(shape.slice(2));
}

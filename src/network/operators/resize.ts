/**
 * Operators that resample.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/onnx__Resize.html.
 *
 * @module
 */

import { clamp, product, range } from "../../base/numbers.ts";
import { planInterpolation } from "../../kernels/maps/interpolation.ts";
import { planChoice } from "../../kernels/maps/sources.ts";
import type { Operator, Site } from "../graph/site.ts";
import { allOf, type AxisSource, gather, indices } from "../graph/strides.ts";
import type { Numbers, Value } from "../graph/values.ts";

/** An axis that gets another size. */
interface Axis {
  readonly size: number;
  readonly outputs: number;
  /** Outputs for each element, in 32 bits, as others compute them. */
  readonly scale: number;
}

/** Where an output lies among the elements. */
type Position = (output: number, axis: Axis) => number;

const POSITIONS: Readonly<Record<string, Position>> = {
  asymmetric: (output, { scale }) => Math.fround(output / scale),
  half_pixel: (output, { scale }) => Math.fround(Math.fround((output + 0.5) / scale) - 0.5),
  pytorch_half_pixel: (output, { outputs, scale }) =>
    outputs > 1 ? Math.fround(Math.fround((output + 0.5) / scale) - 0.5) : 0,
  align_corners: (output, { size, outputs }) =>
    outputs > 1 ? Math.fround(output * (size - 1) / (outputs - 1)) : 0,
  tf_half_pixel_for_nn: (output, { scale }) => Math.fround((output + 0.5) / scale),
  half_pixel_symmetric: (output, { size, outputs, scale }) => {
    const adjustment = Math.fround(outputs / Math.fround(scale * size));
    const offset = Math.fround(size / 2 * Math.fround(1 - adjustment));
    return Math.fround(offset + (output + 0.5) / scale - 0.5);
  },
};

/** The whole number that a position is nearest to. */
type Rounding = (position: number, axis: Axis) => number;

/** What is that little off a half, ONNX Runtime takes for one. */
const HALF_MARGIN = 1e-6;

const ROUNDINGS: Readonly<Record<string, Rounding>> = {
  round_prefer_floor: (position) => Math.ceil(position - 0.5 - HALF_MARGIN),
  round_prefer_ceil: (position) => Math.floor(position + 0.5 + HALF_MARGIN),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Before it could be chosen. */
const OLD_ROUNDING: Rounding = (position, { scale }) =>
  scale < 1 ? Math.ceil(position) : Math.floor(position);

function choice<Choice>(
  site: Site,
  name: string,
  standard: string,
  choices: Readonly<Record<string, Choice>>,
): Choice {
  const stated = site.text(name, standard);
  const found = Object.hasOwn(choices, stated) ? choices[stated] : undefined;
  if (found !== undefined) return found;
  return site.fail(`${name} must be one of ${Object.keys(choices).join(", ")}, but is ${stated}`);
}

/** Every axis of the input, with the sizes that are said by scales. */
function scaledAxes(site: Site, shape: readonly number[], scales: readonly number[]): Axis[] {
  if (scales.length !== shape.length) {
    site.fail(`there must be ${shape.length} scales, but there are ${scales.length}`);
  }
  return shape.map((size, axis) => {
    const scale = Math.fround(scales[axis] ?? 1);
    if (!(scale > 0)) site.fail(`scales must be positive, but are [${scales.join(", ")}]`);
    return { size, scale, outputs: site.count(Math.floor(Math.fround(size * scale))) };
  });
}

/** The same with sizes that are said. */
function sizedAxes(site: Site, shape: readonly number[], sizes: readonly number[]): Axis[] {
  if (sizes.length !== shape.length) {
    site.fail(`there must be ${shape.length} sizes, but there are ${sizes.length}`);
  }
  return shape.map((size, axis) => {
    const outputs = site.count(sizes[axis] ?? 0);
    return { size, outputs, scale: Math.fround(outputs / size) };
  });
}

/** Which of several scales all axes get. */
const POLICIES: Readonly<Record<string, ((...scales: number[]) => number) | null>> = {
  stretch: null,
  not_larger: Math.min,
  not_smaller: Math.max,
};

/** Of those axes that have a size of their own, all by the same scale, unless each gets what it was given. */
function inProportion(site: Site, all: readonly Axis[], axes: readonly number[] | null): Axis[] {
  const choose = choice(site, "keep_aspect_ratio_policy", "stretch", POLICIES);
  if (choose === null) return [...all];
  const stated = axes?.map((axis) => site.axis(axis, all.length)) ?? range(all.length);
  const scale = choose(...stated.map((axis) => all[axis]?.scale ?? 1));
  return all.map((axis, i) =>
    stated.includes(i)
      ? { ...axis, scale, outputs: site.count(Math.round(Math.fround(axis.size * scale))) }
      : axis
  );
}

/** Numbers for some of the axes, spread over all of them. */
function overAll(
  site: Site,
  numbers: readonly number[],
  axes: readonly number[] | null,
  standard: readonly number[],
): readonly number[] {
  if (axes === null) return numbers;
  const stated = axes.map((axis) => site.axis(axis, standard.length));
  return standard.map((value, axis) => {
    const at = stated.indexOf(axis);
    return at === -1 ? value : numbers[at] ?? value;
  });
}

function resize(site: Site): Value {
  const { shape } = site.input(0);
  // Version 10 has no region, and no choice of positions.
  const isOld = site.opset < 11;
  const scales = site.optionalConstant(isOld ? 1 : 2)?.data ?? [];
  const sizes = isOld ? [] : site.optionalConstant(3)?.data ?? [];
  const axes = site.numbers("axes");
  if (site.number("antialias", 0) !== 0) site.fail("antialias must be 0");
  const resized = sizes.length > 0
    ? inProportion(site, sizedAxes(site, shape, overAll(site, [...sizes], axes, shape)), axes)
    : scaledAxes(site, shape, overAll(site, [...scales], axes, shape.map(() => 1)));
  const standard = isOld ? "asymmetric" : "half_pixel";
  const position = choice(site, "coordinate_transformation_mode", standard, POSITIONS);
  const rounding = isOld
    ? OLD_ROUNDING
    : choice(site, "nearest_mode", "round_prefer_floor", ROUNDINGS);
  return resampled(site, resized, position, rounding);
}

function upsample(site: Site): Value {
  const scales = site.list("scales", 1) ?? site.fail("there are no scales");
  const axes = scaledAxes(site, site.input(0).shape, scales);
  const position: Position = (output, { scale }) => Math.fround(output / scale);
  return resampled(site, axes, position, OLD_ROUNDING);
}

function resampled(
  site: Site,
  axes: readonly Axis[],
  position: Position,
  rounding: Rounding,
): Value {
  const mode = site.text("mode", "nearest");
  site.made(axes.map(({ outputs }) => outputs));
  // Scales that change no size are none to ONNX Runtime.
  if (axes.every(({ size, outputs }) => size === outputs)) return site.input(0);
  if (mode === "nearest") {
    return taken(site, axes.map((axis) => nearest(axis, position, rounding)));
  }
  if (mode === "linear") return interpolated(site, axes, position);
  return site.fail(`mode must be nearest or linear, but is ${mode}`);
}

function nearest(axis: Axis, position: Position, rounding: Rounding): AxisSource {
  const { size, outputs, scale } = axis;
  if (scale === 1) return allOf(size);
  return indices(
    outputs,
    (output) => clamp(rounding(position(output, axis), axis), 0, size - 1),
  );
}

function taken(site: Site, sources: readonly AxisSource[]): Value {
  const input = site.input(0);
  site.kept(sources);
  return site.map({
    inputs: [input],
    shape: sources.map(({ length }) => length),
    plan: (target) => planChoice({ shape: input.shape, sources, filling: 0 }, target),
    compute: ([x], y) => x && gather(x, input.shape, sources, y, 0),
  });
}

/** The two elements that an output lies between, and how much of it comes from the second. */
interface Between {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly share: Float32Array;
}

function between(axis: Axis, position: Position): Between {
  const { size, outputs } = axis;
  const placeOf = (output: number) => clamp(position(output, axis), 0, size - 1);
  const first = indices(outputs, (output) => Math.floor(placeOf(output)));
  return {
    first,
    second: first.map((index) => Math.min(size - 1, index + 1)),
    share: new Float32Array(outputs).map((_, output) => placeOf(output) - (first[output] ?? 0)),
  };
}

/** Axis by axis: those that are not scaled stay. */
function interpolated(site: Site, axes: readonly Axis[], position: Position): Value {
  let value = site.input(0);
  for (const [i, axis] of axes.entries()) {
    if (axis.scale !== 1) {
      value = interpolatedAlong(site, value, i, between(axis, position));
    }
  }
  return value;
}

function interpolatedAlong(site: Site, value: Value, axis: number, pairs: Between): Value {
  site.kept([pairs.first, pairs.second, pairs.share]);
  const { shape } = value;
  const inner = product(shape.slice(axis + 1));
  const size = shape[axis] ?? 1;
  const outputs = pairs.share.length;
  return site.map({
    inputs: [value],
    shape: shape.with(axis, outputs),
    plan: (target) => planInterpolation({ shape, axis, ...pairs }, target),
    compute: ([x], y) => {
      if (x === undefined) return;
      let to = 0;
      for (let from = 0; to < y.length; from += size * inner) {
        for (let output = 0; output < outputs; output++, to += inner) {
          blend(x, from, inner, pairs, output, y, to);
        }
      }
    },
  });
}

function blend(
  x: Numbers,
  from: number,
  inner: number,
  { first, second, share }: Between,
  output: number,
  y: Numbers,
  to: number,
): void {
  const a = from + (first[output] ?? 0) * inner;
  const b = from + (second[output] ?? 0) * inner;
  const part = share[output] ?? 0;
  for (let i = 0; i < inner; i++) {
    y[to + i] = (x[a + i] ?? 0) * (1 - part) + (x[b + i] ?? 0) * part;
  }
}

/** The operators. */
export const RESIZES: Readonly<Record<string, Operator>> = { Resize: resize, Upsample: upsample };

/**
 * Operators that leave elements as they are, and change where they lie.
 *
 * Source: the operators' specifications, https://onnx.ai/onnx/operators/.
 *
 * @module
 */

import { describeShape } from "../../base/checks.ts";
import { clamp, product, range } from "../../base/numbers.ts";
import { planConcatenation } from "../../kernels/maps/concatenation.ts";
import { type ElementMap, planElements } from "../../kernels/maps/elements.ts";
import { SAME } from "../../kernels/maps/formulas.ts";
import { planChoice } from "../../kernels/maps/sources.ts";
import type { Operator, Site } from "../graph/site.ts";
import {
  allOf,
  type AxisSource,
  broadcastShape,
  broadcastSteps,
  copyWalk,
  gather,
  indices,
  stepsOf,
} from "../graph/strides.ts";
import { constantTensor, numbersOf, type Value } from "../graph/values.ts";

/** Elements in the order of other axes: each axis of the result is one of the input. */
function permuted(site: Site, value: Value, order: readonly number[]): Value {
  const shape = order.map((axis) => value.shape[axis] ?? 1);
  const steps = stepsOf(value.shape);
  const from = { start: 0, steps: order.map((axis) => steps[axis] ?? 0) };
  const to = { start: 0, steps: stepsOf(shape) };
  return site.map({
    inputs: [value],
    shape,
    plan: (target) => planElements(copying(value, shape, from.steps), target),
    compute: ([x], y) => x && copyWalk(shape, x, from, y, to),
  });
}

/** A copy of elements that are found by steps along the axes of a shape. */
function copying(value: Value, shape: readonly number[], steps: readonly number[]): ElementMap {
  const inputs = [{ length: product(value.shape), steps }];
  return { name: "copy", shape, inputs, steps: stepsOf(shape), formula: SAME };
}

function transpose(site: Site): Value {
  const input = site.input(0);
  const rank = input.shape.length;
  const order = site.numbers("perm") ?? range(rank).reverse();
  if (order.toSorted((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== rank) {
    site.fail(`perm [${order.join(", ")}] is no order of ${rank} axes`);
  }
  return permuted(site, input, order);
}

/** Elements that are chosen along each axis. */
function chosen(
  site: Site,
  value: Value,
  sources: readonly AxisSource[],
  filling = 0,
): Value {
  site.kept(sources);
  return site.map({
    inputs: [value],
    shape: sources.map(({ length }) => length),
    plan: (target) => planChoice({ shape: value.shape, sources, filling }, target),
    compute: ([x], y) => x && gather(x, value.shape, sources, y, filling),
  });
}

/** A shape of which one size may be open, or taken over from the input. */
function reshape(site: Site): Value {
  const input = site.input(0);
  const stated = site.list("shape", 1) ?? site.fail("there is no shape");
  const keepsZeros = site.number("allowzero", 0) !== 0;
  const shape = stated.map((size, axis) =>
    size === 0 && !keepsZeros ? input.shape[axis] ?? 0 : size
  );
  const open = shape.indexOf(-1);
  if (open !== -1) {
    // Sizes that are taken over say nothing of the open one: they may be 0, as that of an empty batch.
    const isKept = (axis: number) => stated[axis] === 0 && !keepsZeros;
    const all = product(input.shape.filter((_, axis) => !isKept(axis)));
    const rest = product(shape.filter((_, axis) => axis !== open && !isKept(axis)));
    shape[open] = rest === 0 ? 0 : all / rest;
  }
  if (shape.some((size) => !Number.isInteger(size) || size < 0)) {
    site.fail(`${describeShape(input.shape)} does not become [${stated.join(", ")}]`);
  }
  return site.view(input, shape);
}

function flatten(site: Site): Value {
  const input = site.input(0);
  const { shape } = input;
  const axis = site.number("axis", 1);
  const at = axis === shape.length ? axis : site.axis(axis, shape.length);
  return site.view(input, [product(shape.slice(0, at)), product(shape.slice(at))]);
}

function squeeze(site: Site): Value {
  const input = site.input(0);
  const { shape } = input;
  const axes = site.list("axes", 1)?.map((axis) => site.axis(axis, shape.length));
  if (axes?.some((axis) => shape[axis] !== 1)) {
    site.fail(`axes [${axes.join(", ")}] of shape ${describeShape(shape)} are not all of size 1`);
  }
  const isKept = (size: number, axis: number) =>
    axes === undefined ? size !== 1 : !axes.includes(axis);
  return site.view(input, shape.filter(isKept));
}

function unsqueeze(site: Site): Value {
  const input = site.input(0);
  const stated = site.list("axes", 1) ?? site.fail("there are no axes");
  const rank = input.shape.length + stated.length;
  const axes = stated.map((axis) => site.axis(axis, rank));
  if (new Set(axes).size !== axes.length) site.fail(`axes [${stated.join(", ")}] are not distinct`);
  const sizes = input.shape.values();
  const shape = range(rank).map((axis) => axes.includes(axis) ? 1 : sizes.next().value ?? 1);
  return site.view(input, shape);
}

function concat(site: Site): Value {
  const { inputs } = site;
  const [first] = inputs;
  if (first === undefined) return site.fail("there is no input");
  const rank = first.shape.length;
  const axis = site.axis(site.number("axis", 1), rank);
  const isAlike = ({ shape }: Value) =>
    shape.length === rank && shape.every((size, i) => i === axis || size === first.shape[i]);
  if (!inputs.every(isAlike)) {
    const shapes = inputs.map(({ shape }) => describeShape(shape)).join(", ");
    site.fail(`shapes ${shapes} do not fit together along axis ${axis}`);
  }
  const sizes = inputs.map(({ shape }) => shape[axis] ?? 0);
  const shape = first.shape.with(axis, sizes.reduce((a, b) => a + b, 0));
  if (product(shape.slice(0, axis)) === 1 && inputs.some(({ isConstant }) => !isConstant)) {
    return site.concatenate(inputs, shape);
  }
  const steps = stepsOf(shape);
  return site.map({
    inputs,
    shape,
    plan: (target) => planConcatenation(inputs.map(({ shape }) => shape), axis, target),
    compute: (arrays, y) => {
      let start = 0;
      for (const [i, x] of arrays.entries()) {
        const part = inputs[i]?.shape ?? [];
        copyWalk(part, x, { start: 0, steps: stepsOf(part) }, y, { start, steps });
        start += (sizes[i] ?? 0) * (steps[axis] ?? 0);
      }
    },
  });
}

function split(site: Site): readonly Value[] {
  const input = site.input(0);
  const axis = site.axis(site.number("axis", 0), input.shape.length);
  const size = input.shape[axis] ?? 0;
  const count = site.number("num_outputs", site.node.outputs.length);
  const share = Math.ceil(size / count);
  const sizes = site.list("split", 1) ??
    range(count).map((i) => clamp(size - i * share, 0, share));
  if (sizes.reduce((a, b) => a + b, 0) !== size) {
    site.fail(`parts of [${sizes.join(", ")}] are not the ${size} of axis ${axis}`);
  }
  sizes.forEach((part) => site.count(part));
  let start = 0;
  return sizes.map((part) => {
    const begin = start;
    const taken = indices(part, (i) => begin + i);
    start += part;
    return chosen(site, input, input.shape.map((all, i) => i === axis ? taken : allOf(all)));
  });
}

/** Ends that say that there is none, in either direction; the largest of 64 bits has become `2 ** 63`. */
const NO_ENDS: readonly number[] = [2 ** 31 - 1, 2 ** 63];

/** Where a slice along an axis begins, and how many it takes. */
function sliced(size: number, start: number, end: number, step: number): AxisSource {
  const from = (index: number, low: number, high: number) =>
    clamp(index < 0 ? index + size : index, low, high);
  const first = step > 0 ? from(start, 0, size) : from(start, 0, size - 1);
  const backwards = NO_ENDS.includes(end) ? -1 : from(end, -1, size - 1);
  const last = step > 0 ? from(end, 0, size) : backwards;
  const count = size === 0 ? 0 : Math.max(0, Math.ceil((last - first) / step));
  return indices(count, (i) => first + i * step);
}

function slice(site: Site): Value {
  const input = site.input(0);
  const { shape } = input;
  const starts = site.list("starts", 1) ?? site.fail("there are no starts");
  const ends = site.list("ends", 2) ?? site.fail("there are no ends");
  const axes = (site.list("axes", 3) ?? range(starts.length)).map((axis) =>
    site.axis(axis, shape.length)
  );
  const steps = site.list("steps", 4) ?? starts.map(() => 1);
  if (steps.includes(0)) site.fail("steps must not be 0");
  const counts = [starts, ends, axes, steps].map(({ length }) => length);
  if (new Set(counts).size > 1) {
    site.fail(`there are ${counts.join(", ")} starts, ends, axes and steps`);
  }
  const sources = shape.map((size, axis) => {
    const at = axes.indexOf(axis);
    return at === -1 ? allOf(size) : sliced(size, starts[at] ?? 0, ends[at] ?? 0, steps[at] ?? 1);
  });
  return chosen(site, input, sources);
}

/** Where padding along an axis comes from. */
function padSource(
  site: Site,
  mode: string,
  size: number,
  begin: number,
  outputs: number,
): AxisSource {
  const period = Math.max(1, 2 * (size - 1));
  const indexOf = (i: number) => {
    if (i >= 0 && i < size) return i;
    switch (mode) {
      case "constant":
        return -1;
      case "edge":
        return clamp(i, 0, size - 1);
      case "wrap":
        return (i % size + size) % size;
      case "reflect": {
        const at = (i % period + period) % period;
        return at < size ? at : period - at;
      }
    }
    return site.fail(`mode must be constant, reflect, edge or wrap, but is ${mode}`);
  };
  return indices(outputs, (i) => indexOf(i - begin));
}

function pad(site: Site): Value {
  const input = site.input(0);
  const { shape } = input;
  const pads = site.list("pads", 1) ?? site.numbers("paddings") ?? site.fail("there are no pads");
  const axes = site.optionalConstant(3)?.data ?? range(shape.length);
  const filling = site.optionalConstant(2)?.data[0] ?? site.number("value", 0);
  const mode = site.text("mode", "constant");
  const stated = [...axes].map((axis) => site.axis(axis, shape.length));
  if (pads.length !== 2 * stated.length) {
    site.fail(`pads must have ${2 * stated.length} numbers, but has ${pads.length}`);
  }
  const along = (axis: number) => {
    const at = stated.indexOf(axis);
    return at === -1 ? [0, 0] as const : [pads[at] ?? 0, pads[at + stated.length] ?? 0] as const;
  };
  const padded = shape.map((size, axis) => {
    const [begin, end] = along(axis);
    return Math.max(0, size + begin + end);
  });
  site.made(padded);
  const sources = shape.map((size, axis) =>
    padSource(site, mode, size, along(axis)[0], padded[axis] ?? 0)
  );
  return chosen(site, input, sources, filling);
}

function gatherOperator(site: Site): Value {
  const input = site.input(0);
  const stated = site.constant(1);
  const axis = site.axis(site.number("axis", 0), input.shape.length);
  const size = input.shape[axis] ?? 0;
  const taken = Int32Array.from(stated.data, (index) => index < 0 ? index + size : index);
  if (taken.some((index) => index < 0 || index >= size)) {
    site.fail(`an index is not within the ${size} of axis ${axis}`);
  }
  const sources = input.shape.map((all, i) => i === axis ? taken : allOf(all));
  const { shape } = input;
  const result = [...shape.slice(0, axis), ...stated.shape, ...shape.slice(axis + 1)];
  return site.view(chosen(site, input, sources), result);
}

function expand(site: Site): Value {
  const input = site.input(0);
  const stated = site.list("shape", 1) ?? site.fail("there is no shape");
  const shape = broadcastShape([input.shape, stated]) ??
    site.fail(`${describeShape(input.shape)} does not become [${stated.join(", ")}]`);
  const from = { start: 0, steps: broadcastSteps(input.shape, shape) };
  const to = { start: 0, steps: stepsOf(shape) };
  return site.map({
    inputs: [input],
    shape,
    plan: (target) => planElements(copying(input, shape, from.steps), target),
    compute: ([x], y) => x && copyWalk(shape, x, from, y, to),
  });
}

function tile(site: Site): Value {
  const input = site.input(0);
  const repeats = site.constant(1).data;
  if (repeats.length !== input.shape.length) {
    site.fail(`there are ${repeats.length} repeats for ${input.shape.length} axes`);
  }
  const shape = site.made(input.shape.map((size, axis) => size * (repeats[axis] ?? 1)));
  const sources = shape.map((count, axis) => {
    const size = input.shape[axis] ?? 1;
    return indices(count, (i) => i % size);
  });
  return chosen(site, input, sources);
}

/** Sizes of an image, of which each channel is one of a block of pixels. */
function imageOf(site: Site): readonly [number, number, number, number, number] {
  const { shape } = site.input(0);
  const block = site.number("blocksize", 1);
  const [batch, channels, rows, columns] = shape;
  if (
    batch === undefined || channels === undefined || rows === undefined || columns === undefined ||
    shape.length !== 4
  ) return site.fail(`the input must have 4 axes, but has shape ${describeShape(shape)}`);
  return [block, batch, channels, rows, columns];
}

function depthToSpace(site: Site): Value {
  const [block, batch, channels, rows, columns] = imageOf(site);
  const depth = channels / block ** 2;
  if (!Number.isInteger(depth)) {
    site.fail(`${channels} channels are no blocks of ${block}x${block}`);
  }
  const isColumnFirst = site.text("mode", "DCR") === "CRD";
  const input = site.input(0);
  const blocks = isColumnFirst
    ? site.view(input, [batch, depth, block, block, rows, columns])
    : site.view(input, [batch, block, block, depth, rows, columns]);
  const order = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const shape = [batch, depth, rows * block, columns * block];
  return site.view(permuted(site, blocks, order), shape);
}

function spaceToDepth(site: Site): Value {
  const [block, batch, channels, rows, columns] = imageOf(site);
  const [down, along] = [rows / block, columns / block];
  if (!Number.isInteger(down) || !Number.isInteger(along)) {
    site.fail(`${rows}x${columns} pixels are no blocks of ${block}x${block}`);
  }
  const blocks = site.view(site.input(0), [batch, channels, down, block, along, block]);
  const shape = [batch, channels * block ** 2, down, along];
  return site.view(permuted(site, blocks, [0, 3, 5, 1, 2, 4]), shape);
}

function constant(site: Site): Value {
  const value = site.tensor("value");
  if (value !== null) return constantTensor(value);
  const floats = site.numbers("value_floats");
  if (floats !== null) return site.known("float", [floats.length], floats);
  const ints = site.numbers("value_ints");
  if (ints !== null) return site.known("int", [ints.length], ints);
  if (site.node.attributes.has("value_int")) {
    return site.known("int", [], [site.number("value_int", 0)]);
  }
  if (site.node.attributes.has("value_float")) {
    return site.known("float", [], [site.number("value_float", 0)]);
  }
  return site.fail("it has no value of numbers");
}

function constantOfShape(site: Site): Value {
  const shape = site.computedNow([...site.constant(0).data]);
  const value = site.tensor("value");
  const kind = value?.kind ?? "float";
  const data = numbersOf(kind, product(shape)).fill(value?.data[0] ?? 0);
  return { isConstant: true, kind, shape, data };
}

function shapeOf(site: Site): Value {
  const { shape } = site.input(0);
  const bound = (name: string, standard: number) => {
    const index = site.number(name, standard);
    return clamp(index < 0 ? index + shape.length : index, 0, shape.length);
  };
  const sizes = shape.slice(bound("start", 0), bound("end", shape.length));
  return site.known("int", [sizes.length], sizes);
}

function rangeOf(site: Site): Value {
  const [start = 0, limit = 0, delta = 1] = [0, 1, 2].map((input) => site.constant(input).data[0]);
  if (delta === 0) site.fail("delta must not be 0");
  const shape = site.computedNow([Math.max(0, Math.ceil((limit - start) / delta))]);
  const { kind } = site.constant(0);
  const data = numbersOf(kind, product(shape));
  for (let i = 0; i < data.length; i++) data[i] = start + i * delta;
  return { isConstant: true, kind, shape, data };
}

/** The input as it is; what else a node may give is an error where somebody asks for it. */
const identity: Operator = (site) => site.input(0);

/** Nothing is dropped where nothing is trained. */
function dropout(site: Site): Value {
  if (site.optionalConstant(2)?.data[0]) site.fail("training_mode must be false");
  return site.input(0);
}

/** The operators. */
export const SHAPES: Readonly<Record<string, Operator>> = {
  Identity: identity,
  Dropout: dropout,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gatherOperator,
  Expand: expand,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: shapeOf,
  Size: (site) => site.known("int", [], [product(site.input(0).shape)]),
  Range: rangeOf,
};

/**
 * Work larger than the shared memory, cut into pieces that fit: by batch, then along the outermost spatial
 * axis, and where not even one row of that fits, along the next ones.
 *
 * @module
 */

import type { Geometry, Triple } from "../convolution/geometry.ts";
import { product } from "../base/numbers.ts";
import { type PadSegment, padSegments } from "../convolution/padding.ts";
import type { Span } from "./copies.ts";

/** A part of a convolution that is a convolution itself, and how it is computed. */
export interface Piece<Plan> {
  readonly geometry: Geometry;
  readonly plan: Plan;
  /** Where the part of the input that it needs begins, if that is one run of elements; otherwise `null`. */
  readonly firstInput: number | null;
  /** That part, as it is copied from the input. */
  readonly inputSpans: () => Iterable<Span>;
  /** The part of a tensor of the output's shape that it computes, as it is copied from there. */
  readonly addSpans: () => Iterable<Span>;
  /** Its result, as it is copied to its place in the output. */
  readonly outputSpans: () => Iterable<Span>;
}

/** How convolutions are computed. */
export interface Planner<Plan> {
  readonly planOf: (geometry: Geometry) => Plan;
  /** What one that is computed so takes of the shared memory. */
  readonly bytesOf: (plan: Plan) => number;
  /** Whether there are weights. Default: there are. */
  readonly isWeighted?: boolean;
}

/** More pieces than this are not worth beginning with. */
const MOST_PIECES = 2 ** 20;

/** More different ones neither: each has a plan and code of its own, which take longer than what they compute. */
const MOST_KINDS = 128;

/**
 * Cuts a convolution into pieces.
 *
 * @param geometry The whole.
 * @param planner Plans what is looked at, and each kind of pieces once.
 * @param capacity The shared memory that there is.
 * @throws {RangeError} If not even single positions of one batch item fit, or there would be too many pieces.
 */
export function piecesOf<Plan>(
  geometry: Geometry,
  planner: Planner<Plan>,
  capacity: number,
): Piece<Plan>[] {
  const memory = new Memory(planner, capacity);
  const batches = memory.fits(geometry) ? geometry.batch : batchSize(geometry, memory);
  if (batches > 0) {
    const cut = cutEvenly(geometry.batch, batches);
    return cut.map(({ start, count }) => batchPiece(geometry, start, count, memory));
  }
  const boxes = boxesOf(cutAxes(geometry, memory));
  if (boxes.length * geometry.batch > MOST_PIECES) throw tooManyPieces(memory);
  const shared = new Map<string, Kind<Plan>>();
  return Array.from({ length: geometry.batch }, (_, item) =>
    boxes.map((box) => {
      // Equal pieces have one geometry: plans are found by it.
      const key = keyOf(box);
      const kind = shared.get(key) ?? kindOf(boxGeometry(geometry, box), memory);
      shared.set(key, kind);
      return boxPiece(geometry, kind, item, box);
    })).flat();
}

/**
 * What cannot be cut, as a piece.
 *
 * @param geometry The whole.
 * @param planner Plans it.
 * @param capacity The shared memory that there is.
 * @throws {RangeError} If it does not fit.
 */
export function wholePiece<Plan>(
  geometry: Geometry,
  planner: Planner<Plan>,
  capacity: number,
): Piece<Plan> {
  const memory = new Memory(planner, capacity);
  if (memory.fits(geometry)) return batchPiece(geometry, 0, geometry.batch, memory);
  throw new RangeError(
    `A part of a gradient needs ${
      memory.bytesOf(geometry)
    } bytes of shared memory, but the engine has ` +
      `${capacity}; give it more with new Engine({ memory })`,
  );
}

/** What equal pieces have in common. */
type Kind<Plan> = Pick<Piece<Plan>, "geometry" | "plan">;

function kindOf<Plan>(geometry: Geometry, memory: Memory<Plan>): Kind<Plan> {
  return { geometry, plan: memory.planOf(geometry) };
}

/** Says what a position of the output needs, and what would help. */
function doesNotFit(position: Geometry, memory: Sizes): RangeError {
  const { inChannels, outChannels, groups, kernel, input } = position;
  const weights = outChannels * inChannels / groups * product(kernel);
  const weightBytes = weights * Float32Array.BYTES_PER_ELEMENT;
  return new RangeError(
    `One position of the output needs ${
      memory.bytesOf(position)
    } bytes of shared memory, but the engine has ` +
      `${memory.capacity}; give it more with new Engine({ memory }). The position sees ` +
      `${inChannels * product(input)} elements of the padded input` +
      (memory.isWeighted ? `, and the weights alone take ${weightBytes} bytes` : ""),
  );
}

function tooManyPieces({ capacity }: Sizes): RangeError {
  return new RangeError(
    `More than ${MOST_PIECES} pieces, or ${MOST_KINDS} different ones, would have to be computed one after ` +
      `the other, as the engine has ${capacity} bytes of shared memory; give it more with ` +
      `new Engine({ memory })`,
  );
}

/** Sizes, whatever the plans behind them are. */
type Sizes = Pick<Memory<unknown>, "capacity" | "isWeighted" | "bytesOf" | "fits" | "largest">;

/** What convolutions take of the shared memory, each planned once. */
class Memory<Plan> {
  readonly capacity: number;
  readonly #planner: Planner<Plan>;
  readonly #known = new Map<string, Plan>();

  constructor(planner: Planner<Plan>, capacity: number) {
    this.#planner = planner;
    this.capacity = capacity;
  }

  get isWeighted(): boolean {
    return this.#planner.isWeighted ?? true;
  }

  planOf(geometry: Geometry): Plan {
    const { batch, input, output, padBegin, padEnd } = geometry;
    const key = [batch, ...input, ...output, ...padBegin, ...padEnd].join();
    const plan = this.#known.get(key) ?? this.#planner.planOf(geometry);
    this.#known.set(key, plan);
    return plan;
  }

  bytesOf(geometry: Geometry): number {
    return this.#planner.bytesOf(this.planOf(geometry));
  }

  fits(geometry: Geometry): boolean {
    return this.bytesOf(geometry) <= this.capacity;
  }

  /**
   * About the largest of `1 .. most - 1` whose geometry fits, 0 if none does: bytes grow nearly evenly with
   * the size, so few are looked at.
   */
  largest(most: number, geometryOf: (size: number) => Geometry): number {
    let [low, lowBytes] = [0, 0];
    let [high, highBytes] = [most, Math.max(this.bytesOf(geometryOf(most)), this.capacity + 1)];
    for (let look = 0; look < MOST_LOOKS && high - low > 1; look++) {
      const slope = (highBytes - lowBytes) / (high - low);
      // What does not depend on the size is not known before something fits.
      const isLost = look === LOOKS_BEFORE_ONE && low === 0;
      if (low > 0 && lowBytes + slope > this.capacity) break;
      const guess = isLost ? 1 : low + Math.floor((this.capacity - lowBytes) / slope);
      const size = Math.min(high - 1, Math.max(low + 1, guess));
      const bytes = this.bytesOf(geometryOf(size));
      if (bytes <= this.capacity) [low, lowBytes] = [size, bytes];
      else if (isLost) return 0;
      else [high, highBytes] = [size, bytes];
    }
    return low;
  }
}

/** Sizes that are looked at, and those before it is asked whether any fits at all. */
const MOST_LOOKS = 10;
const LOOKS_BEFORE_ONE = 2;

/** The sizes to try where the largest one leaves a rest that does not fit: a little less, then much less. */
function* smallerSizes(size: number): Generator<number> {
  for (let less = 0; less < NEAR_SIZES && size > 0; less++) yield size--;
  for (; size > 0; size = Math.floor(size * 3 / 4)) yield size;
}

const NEAR_SIZES = 8;

/** Batch items of a piece, 0 if not even one fits. */
function batchSize(geometry: Geometry, memory: Sizes): number {
  if (geometry.batch === 1) return 0;
  const of = (batch: number) => ({ ...geometry, batch });
  for (const items of smallerSizes(memory.largest(geometry.batch, of))) {
    // The last batch may be smaller than the others, and computed in another way that takes more.
    const rest = geometry.batch % items;
    if (memory.fits(of(items)) && (rest === 0 || memory.fits(of(rest)))) return items;
  }
  return 0;
}

/** Some consecutive outputs along an axis, or batch items. */
interface Run {
  readonly start: number;
  readonly count: number;
}

function cutEvenly(total: number, step: number): Run[] {
  return Array.from({ length: Math.ceil(total / step) }, (_, i) => {
    const start = i * step;
    return { start, count: Math.min(step, total - start) };
  });
}

/** Some batch items: contiguous in input and output. */
function batchPiece<Plan>(
  whole: Geometry,
  start: number,
  batch: number,
  memory: Memory<Plan>,
): Piece<Plan> {
  // The same object where nothing is cut: plans are found by it.
  const geometry = batch === whole.batch ? whole : { ...whole, batch };
  const inputItem = whole.inChannels * product(whole.input);
  const outputItem = whole.outChannels * product(whole.output);
  const firstInput = start * inputItem;
  const firstOutput = start * outputItem;
  const outputs = { count: batch * outputItem, step: 1 };
  return {
    ...kindOf(geometry, memory),
    firstInput,
    inputSpans: () => [{ count: batch * inputItem, to: 0, from: firstInput, step: 1 }],
    addSpans: () => [{ ...outputs, to: 0, from: firstOutput }],
    outputSpans: () => [{ ...outputs, to: firstOutput, from: 0 }],
  };
}

const AXES = [0, 1, 2] as const;
type Axis = (typeof AXES)[number];

/** Outputs of a piece along an axis, and the input positions that it takes for them. */
interface AxisPart extends Run {
  readonly first: number;
  readonly length: number;
  readonly padBegin: number;
  readonly padEnd: number;
}

/** Outputs of a piece along depth, height and width. */
type Box = readonly [AxisPart, AxisPart, AxisPart];

/** An axis as it is. */
function wholePart(whole: Geometry, axis: Axis): AxisPart {
  return {
    start: 0,
    count: whole.output[axis],
    first: 0,
    length: whole.input[axis],
    padBegin: whole.padBegin[axis],
    padEnd: whole.padEnd[axis],
  };
}

/** Outputs `start .. start + count - 1` along an axis, as a convolution of part of the input. */
function axisPart(whole: Geometry, axis: Axis, { start, count }: Run): AxisPart {
  const stride = whole.stride[axis];
  const reach = (whole.kernel[axis] - 1) * whole.dilation[axis];
  const pad = whole.padBegin[axis];
  const size = whole.input[axis];
  if (!whole.transposed) {
    // Padding along the axis is part of the staged input.
    const length = (count - 1) * stride + reach + 1;
    return { start, count, first: start * stride - pad, length, padBegin: 0, padEnd: 0 };
  }
  const least = Math.max(0, Math.ceil((start + pad - reach) / stride));
  const first = Math.min(least, Math.floor((start + pad) / stride), size - 1);
  const last = Math.min(size - 1, Math.floor((start + count - 1 + pad) / stride));
  const length = Math.max(1, last - first + 1);
  return { start, count, first, length, padBegin: pad + start - first * stride, padEnd: 0 };
}

/** One output of the middle: those at the borders may see less. */
function onePosition(whole: Geometry): Box {
  const one = (axis: Axis) =>
    axisPart(whole, axis, { start: Math.floor(whole.output[axis] / 2), count: 1 });
  return [one(0), one(1), one(2)];
}

function boxGeometry(whole: Geometry, box: Box): Geometry {
  const sizes = (of: (part: AxisPart) => number): Triple => [of(box[0]), of(box[1]), of(box[2])];
  return {
    ...whole,
    batch: 1,
    input: sizes(({ length }) => length),
    output: sizes(({ count }) => count),
    padBegin: sizes(({ padBegin }) => padBegin),
    padEnd: sizes(({ padEnd }) => padEnd),
  };
}

/** Equal for boxes with the same geometry. */
function keyOf(box: Box): string {
  return box.map(partKey).join();
}

function partKey({ count, length, padBegin, padEnd }: AxisPart): string {
  return [count, length, padBegin, padEnd].join();
}

/** The parts along each axis. */
type AxisParts = readonly [readonly AxisPart[], readonly AxisPart[], readonly AxisPart[]];

function boxesOf([depth, height, width]: AxisParts): Box[] {
  return depth.flatMap((d) => height.flatMap((h) => width.map((w): Box => [d, h, w])));
}

/**
 * Cuts the axes until the boxes fit: the outermost one along which there is more than one output, and
 * where not even one row of that fits, the next one as well.
 *
 * @throws {RangeError} If not even single positions fit, or there would be too many pieces.
 */
function cutAxes(whole: Geometry, memory: Sizes): AxisParts {
  const position = boxGeometry(whole, onePosition(whole));
  if (!memory.fits(position)) throw doesNotFit(position, memory);
  let axes: AxisParts = [[wholePart(whole, 0)], [wholePart(whole, 1)], [wholePart(whole, 2)]];
  const kindsOf = (axes: AxisParts): AxisParts => [
    different(axes[0]),
    different(axes[1]),
    different(axes[2]),
  ];
  const areFew = (kinds: AxisParts) => product(kinds.map(({ length }) => length)) <= MOST_KINDS;
  const fit = (axes: AxisParts) => {
    const kinds = kindsOf(axes);
    return areFew(kinds) &&
      boxesOf(kinds).every((box) => memory.fits(boxGeometry(whole, box)));
  };
  for (const axis of AXES) {
    const size = whole.output[axis];
    if (size === 1) continue;
    const cut = (count: number) =>
      withAxis(axes, axis, cutEvenly(size, count).map((run) => axisPart(whole, axis, run)));
    // Boxes in the middle may see more of the input than the first ones.
    const inner = (count: number) => {
      const part = axisPart(whole, axis, { start: Math.floor((size - count) / 2), count });
      const [[depth], [height], [width]] = withAxis(middles(axes), axis, [part]);
      return boxGeometry(whole, [depth ?? part, height ?? part, width ?? part]);
    };
    for (const count of smallerSizes(evenSize(whole, axis, memory.largest(size, inner)))) {
      if (size / count > MOST_PIECES) break;
      const parts = cut(count);
      if (fit(parts)) return parts;
    }
    if (product(axes.map(({ length }) => length)) * size > MOST_PIECES) throw tooManyPieces(memory);
    axes = cut(1);
    if (!areFew(kindsOf(axes))) throw tooManyPieces(memory);
  }
  throw doesNotFit(position, memory);
}

/** Pieces of a transposed convolution are alike where they begin with the same remainder of the stride. */
function evenSize({ transposed, stride }: Geometry, axis: Axis, count: number): number {
  const step = transposed ? stride[axis] : 1;
  return count > step ? count - count % step : count;
}

function withAxis([depth, height, width]: AxisParts, axis: Axis, parts: AxisPart[]): AxisParts {
  if (axis === 0) return [parts, height, width];
  return axis === 1 ? [depth, parts, width] : [depth, height, parts];
}

/** Of each axis the part in the middle. */
function middles(axes: AxisParts): AxisParts {
  const middle = (parts: readonly AxisPart[]) => {
    const index = Math.floor(parts.length / 2);
    return parts.slice(index, index + 1);
  };
  return [middle(axes[0]), middle(axes[1]), middle(axes[2])];
}

/** One of each kind. */
function different(parts: readonly AxisPart[]): AxisPart[] {
  return [...new Map(parts.map((part) => [partKey(part), part])).values()];
}

function boxPiece<Plan>(
  whole: Geometry,
  { geometry, plan }: Kind<Plan>,
  item: number,
  box: Box,
): Piece<Plan> {
  const segments = AXES.map((axis) => {
    const { length, first } = box[axis];
    // Padding that is not staged is left to the piece.
    const positions = { count: length, step: 1, first };
    return padSegments(positions, whole.input[axis], whole.paddingMode);
  });
  const inputPiece = product(geometry.input);
  const inputWhole = product(whole.input);
  return {
    geometry,
    plan,
    firstInput: null,
    *inputSpans() {
      for (let channel = 0; channel < whole.inChannels; channel++) {
        const from = (item * whole.inChannels + channel) * inputWhole;
        yield* segmentSpans(
          segments,
          { offset: channel * inputPiece, sizes: geometry.input },
          { offset: from, sizes: whole.input },
        );
      }
    },
    *addSpans() {
      for (const { run, place, count } of runsOf(whole, item, box)) {
        yield { count, to: run, from: place, step: 1 };
      }
    },
    *outputSpans() {
      for (const { run, place, count } of runsOf(whole, item, box)) {
        yield { count, to: place, from: run, step: 1 };
      }
    },
  };
}

/** Outputs that lie side by side in a box and in the whole. */
interface OutputRun {
  /** Where it begins in the box. */
  readonly run: number;
  /** Where it begins in the whole. */
  readonly place: number;
  readonly count: number;
}

/** Each run of a box's outputs. */
function* runsOf(
  { outChannels, output }: Geometry,
  item: number,
  [depth, height, width]: Box,
): Iterable<OutputRun> {
  const [, outHeight, outWidth] = output;
  // Whole rows lie side by side, and whole planes.
  const isWhole = (part: AxisPart, size: number) => part.count === size;
  const rows = isWhole(width, outWidth) ? height.count : 1;
  const planes = rows === outHeight ? depth.count : 1;
  const count = planes * rows * width.count;
  let run = 0;
  for (let channel = 0; channel < outChannels; channel++) {
    const plane = (item * outChannels + channel) * output[0] + depth.start;
    for (let d = 0; d < depth.count; d += planes) {
      const row = (plane + d) * outHeight + height.start;
      for (let h = 0; h < height.count; h += rows) {
        yield { run, place: (row + h) * outWidth + width.start, count };
        run += count;
      }
    }
  }
}

/** A part of an array that has axes. */
interface Place {
  readonly offset: number;
  readonly sizes: readonly number[];
}

/** The segments of the first axis, each with those of the axes behind it. */
function* segmentSpans(
  [segments = [], ...others]: readonly (readonly PadSegment[])[],
  target: Place,
  source: Place,
): Iterable<Span> {
  const [, ...targetSizes] = target.sizes;
  const [, ...sourceSizes] = source.sizes;
  const [targetInner, sourceInner] = [product(targetSizes), product(sourceSizes)];
  const isPlain = others.every(([segment, ...more], axis) =>
    more.length === 0 && segment?.source === 0 && segment.step === 1 &&
    segment.count === sourceSizes[axis]
  );
  for (const { count, start, source: first, step } of segments) {
    const to = target.offset + start * targetInner;
    if (first === null) yield { count: count * targetInner, to, from: null, step: 0 };
    else if (isPlain && (step === 1 || targetInner === 1)) {
      const from = source.offset + first * targetInner;
      yield { count: count * targetInner, to, from, step };
    } else {
      for (let row = 0; row < count; row++) {
        yield* segmentSpans(
          others,
          { offset: to + row * targetInner, sizes: targetSizes },
          { offset: source.offset + (first + row * step) * sourceInner, sizes: sourceSizes },
        );
      }
    }
  }
}

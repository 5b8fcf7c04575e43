/**
 * Work larger than the shared memory, cut into pieces that fit: by batch, then by rows of the
 * outermost spatial axis.
 *
 * @module
 */

import type { Geometry, Triple } from "../geometry.ts";
import { type PadSegment, padSegments } from "../kernels/pad.ts";

/** A part of a convolution that is a convolution itself. */
export interface Piece {
  readonly geometry: Geometry;
  /** Whether the part of the input that the piece needs is one run of elements. */
  readonly seesOneRun: boolean;
  /** Copies that part. Of one run the elements `from .. to - 1` can be copied by themselves. */
  readonly stageInput: (
    target: Float32Array,
    input: Float32Array,
    from?: number,
    to?: number,
  ) => void;
  /** Copies the part of a tensor of the output's shape that the piece computes. */
  readonly stageAdd: (target: Float32Array, add: Float32Array) => void;
  /** Copies the piece's result to its place in the output. */
  readonly collectOutput: (output: Float32Array, result: Float32Array) => void;
}

/**
 * Cuts a convolution into pieces.
 *
 * @param geometry The whole.
 * @param bytesOf What a convolution takes of the shared memory.
 * @param capacity What there is.
 * @throws {RangeError} If not even one row of one batch item fits.
 */
export function piecesOf(
  geometry: Geometry,
  bytesOf: (geometry: Geometry) => number,
  capacity: number,
): Piece[] {
  const fits = (part: Geometry) => bytesOf(part) <= capacity;
  if (fits(geometry)) return [batchPiece(geometry, 0, geometry.batch)];
  const batchesOf = (items: number) =>
    starts(geometry.batch, items).map((start) => Math.min(items, geometry.batch - start));
  // The last batch may be smaller than the others, and computed in another way that takes more.
  let items = largest(geometry.batch, (batch) => fits({ ...geometry, batch }));
  while (items > 0 && !batchesOf(items).every((batch) => fits({ ...geometry, batch }))) items--;
  if (items > 0) {
    return starts(geometry.batch, items).map((start) =>
      batchPiece(geometry, start, Math.min(items, geometry.batch - start))
    );
  }
  const axis = outermostAxis(geometry);
  const size = geometry.output[axis];
  const slab = (start: number, count: number) =>
    slabGeometry(geometry, axis, start, count).geometry;
  const cutsInto = (count: number) =>
    starts(size, count).map((start) => slab(start, Math.min(count, size - start)));
  // Inner rows may see more of the input than the first ones, and a smaller slab be packed otherwise.
  let rows = largest(size, (count) => fits(slab(0, count)));
  while (rows > 0 && !cutsInto(rows).every(fits)) rows--;
  if (rows === 0) {
    throw new RangeError(
      `One row of the output needs ${bytesOf(slab(0, 1))} bytes of shared memory, but the engine ` +
        `has ${capacity}; give it more with new Engine({ memory })`,
    );
  }
  return Array.from(
    { length: geometry.batch },
    (_, n) =>
      starts(size, rows).map((start) =>
        slabPiece(geometry, axis, n, start, Math.min(rows, size - start))
      ),
  ).flat();
}

/** The largest of `1 .. most` that fits, by halving; 0 if none does. */
function largest(most: number, fits: (count: number) => boolean): number {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function starts(total: number, step: number): number[] {
  return Array.from({ length: Math.ceil(total / step) }, (_, i) => i * step);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/** Some batch items: contiguous in input and output. */
function batchPiece(whole: Geometry, start: number, batch: number): Piece {
  // The same object where nothing is cut: plans are found by it.
  const geometry = batch === whole.batch ? whole : { ...whole, batch };
  const inputItem = whole.inChannels * product(whole.input);
  const outputItem = whole.outChannels * product(whole.output);
  return {
    geometry,
    seesOneRun: true,
    stageInput: (target, input, from = 0, to = batch * inputItem) =>
      target.set(input.subarray(start * inputItem + from, start * inputItem + to), from),
    stageAdd: (target, add) =>
      target.set(add.subarray(start * outputItem, (start + batch) * outputItem)),
    collectOutput: (output, result) => output.set(result, start * outputItem),
  };
}

type Axis = 0 | 1 | 2;

/** The first axis along which there is more than one output. */
function outermostAxis({ output }: Geometry): Axis {
  if (output[0] > 1) return 0;
  return output[1] > 1 ? 1 : 2;
}

function withAxis(sizes: Triple, axis: Axis, size: number): Triple {
  const [depth, height, width] = sizes;
  if (axis === 0) return [size, height, width];
  return axis === 1 ? [depth, size, width] : [depth, height, size];
}

/** Outputs `start .. start + count - 1` along an axis, as a convolution of part of the input. */
function slabGeometry(
  whole: Geometry,
  axis: Axis,
  start: number,
  count: number,
): { geometry: Geometry; first: number } {
  const stride = whole.stride[axis];
  const reach = (whole.kernel[axis] - 1) * whole.dilation[axis];
  const pad = whole.padBegin[axis];
  const size = whole.input[axis];
  // Padding along the axis is part of the staged input (convolution), or an offset (transposed).
  let first = start * stride - pad;
  let length = (count - 1) * stride + reach + 1;
  let padBegin = 0;
  if (whole.transposed) {
    const least = Math.max(0, Math.ceil((start + pad - reach) / stride));
    first = Math.min(least, Math.floor((start + pad) / stride), size - 1);
    const last = Math.min(size - 1, Math.floor((start + count - 1 + pad) / stride));
    length = Math.max(1, last - first + 1);
    padBegin = pad + start - first * stride;
  }
  const geometry: Geometry = {
    ...whole,
    batch: 1,
    input: withAxis(whole.input, axis, length),
    output: withAxis(whole.output, axis, count),
    padBegin: withAxis(whole.padBegin, axis, padBegin),
    padEnd: withAxis(whole.padEnd, axis, 0),
  };
  return { geometry, first };
}

function slabPiece(whole: Geometry, axis: Axis, item: number, start: number, count: number): Piece {
  const { geometry, first } = slabGeometry(whole, axis, start, count);
  const size = whole.input[axis];
  const positions = { count: geometry.input[axis], step: 1, first };
  const segments = padSegments(positions, size, whole.paddingMode);
  const inputInner = product(whole.input.slice(axis + 1));
  const inputOuter = whole.inChannels * product(whole.input.slice(0, axis));
  const outputInner = product(whole.output.slice(axis + 1));
  const outputOuter = whole.outChannels * product(whole.output.slice(0, axis));
  const length = count * outputInner;
  /** Each run of the slab's outputs: where it begins in the slab and in the whole. */
  const forEachRun = (each: (run: number, place: number) => void) => {
    for (let outer = 0; outer < outputOuter; outer++) {
      const row = (item * outputOuter + outer) * whole.output[axis] + start;
      each(outer * length, row * outputInner);
    }
  };
  return {
    geometry,
    seesOneRun: false,
    stageInput: (target, input) => {
      for (let outer = 0; outer < inputOuter; outer++) {
        const to = target.subarray(outer * positions.count * inputInner);
        const from = input.subarray((item * inputOuter + outer) * size * inputInner);
        for (const segment of segments) copySegment(to, from, segment, inputInner);
      }
    },
    stageAdd: (target, add) =>
      forEachRun((run, place) => target.set(add.subarray(place, place + length), run)),
    collectOutput: (output, result) =>
      forEachRun((run, place) => output.set(result.subarray(run, run + length), place)),
  };
}

/** Copies the rows of a segment, each of `inner` elements. */
function copySegment(
  target: Float32Array,
  source: Float32Array,
  { count, start, source: from, step }: PadSegment,
  inner: number,
): void {
  if (from === null) {
    target.fill(0, start * inner, (start + count) * inner);
    return;
  }
  const [run, rows] = step === 1 ? [count, 1] : [1, count];
  for (let row = 0; row < rows; row++) {
    const first = from + row * step;
    target.set(source.subarray(first * inner, (first + run) * inner), (start + row) * inner);
  }
}

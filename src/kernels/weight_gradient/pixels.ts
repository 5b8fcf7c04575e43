/**
 * The gradient of weights with pixels in the lanes.
 *
 * A register tile is some output channels by some products of each. For every vector of pixels of a row the gradient of
 * each channel is loaded, and what each product sees of the input; the lanes of a sum are added up at the end. So
 * neither is packed but for padding and strides, and few channels, groups and channels by themselves fill the lanes.
 *
 * @module
 */

import { FLOAT_BYTES, type ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
import { sumLanes } from "../common/lane_sums.ts";
import { evenParts, usableRegisters } from "../common/register_tile.ts";
import {
  countPixels,
  GRADIENT,
  type GradientKernel,
  type GradientShape,
  gradientSteps,
  INPUT,
  inputSteps,
  loadSums,
  productBox,
  productOffsets,
  productsOf,
  RESULT,
  SCRATCH,
  stepsAlong,
  type SumMove,
  type Sums,
  sweepRows,
  type Unit,
} from "./shape.ts";

/** Multiply-adds of a turn of the loop over pixels. */
const UNROLLED = 64;

/** Output channels of a register tile: about as many as products where there are enough of both. */
const MOST_CHANNELS: Readonly<Record<Target["name"], number>> = { wasm: 3, avx2: 3, avx512: 4 };

/** Products of a register tile of some channels: their gradient is held, and what is seen passes by. */
function mostProducts(target: Target, channels: number): number {
  return Math.floor((usableRegisters(target) - channels - 1) / channels);
}

/** A full register tile. */
export function pixelLanesTile(
  group: Pick<GradientShape, "kernel" | "inChannels" | "outChannels">,
  target: Target,
): Unit {
  const { size: outChannels } = evenParts(group.outChannels, MOST_CHANNELS[target.name]);
  return { outChannels, products: productBox(group, mostProducts(target, outChannels)) };
}

/**
 * Sums of output channels each by itself.
 *
 * @param channels All output channels, which the items of the gradient have.
 */
export function pixelLanesKernel(shape: GradientShape, channels: number): GradientKernel {
  const { target, pixels } = shape;
  const channelPixels = countPixels({ ...pixels, items: 1 });
  const walk = {
    input: inputSteps(shape.input),
    gradient: gradientSteps(pixels, FLOAT_BYTES, channels * channelPixels * FLOAT_BYTES),
  };
  const gradientStep = channelPixels * FLOAT_BYTES;
  return {
    name: "pixels in lanes",
    walk,
    tile: pixelLanesTile(shape, target),
    sumChannels: 1,
    gradientStep,
    sum(code, { outChannels, products }, pixels) {
      const offsets = productOffsets(shape, products);
      const sums = range(outChannels).map(() => code.registers(offsets.length));
      for (const sum of sums.flat()) code.zero(sum);
      const vector = vectorWriter(code, shape, { sums, offsets, gradientStep });
      const { lanes } = target;
      const vectors = Math.floor(pixels.columns / lanes);
      const turn = Math.max(1, Math.floor(UNROLLED / sums.flat().length));
      const steps = stepsAlong(walk, "columns").map(([ptr, bytes]) =>
        [ptr, bytes * lanes] as const
      );
      sweepRows(code, pixels, walk, () => {
        code.blocks(vectors, turn, steps, (count) => {
          for (const i of range(count)) vector(i * lanes, lanes);
        });
        const rest = pixels.columns % lanes;
        if (rest > 0) code.displaced(steps, vectors, () => vector(0, rest));
      });
      return sums;
    },
    store(code, _, sums) {
      sums.forEach((ofChannel, channel) => {
        eachRun(code, ofChannel, (run, product, count) => {
          code.store(run, RESULT, (channel * productsOf(shape) + product) * FLOAT_BYTES, count);
        });
      });
    },
    keep(code, _, sums, products) {
      sums.forEach((ofChannel, channel) => {
        eachRun(code, ofChannel, (run, product, count) => {
          code.store(run, SCRATCH, (channel * products + product) * FLOAT_BYTES, count);
        });
      });
    },
    add(code, _, sums, products) {
      sums.forEach((ofChannel, channel) => {
        eachRun(code, ofChannel, (run, product, count) => {
          const before = code.register();
          const offset = (channel * products + product) * FLOAT_BYTES;
          code.load(before, SCRATCH, offset, count);
          code.add(run, run, before);
          code.store(run, SCRATCH, offset, count);
        });
      });
    },
    finish: (code, _, products, move) => finishChannel(code, products, move),
  };
}

/** What a vector of pixels is added to. */
interface PixelSums {
  /** For each output channel, a vector of each product. */
  readonly sums: Sums;
  readonly offsets: readonly number[];
  readonly gradientStep: number;
}

/** Adds the products of some pixels, at most a vector of them, from the `first` on. */
function vectorWriter(
  code: ProgramBuilder,
  { input: { pixelStep } }: GradientShape,
  { sums, offsets, gradientStep }: PixelSums,
): (first: number, lanes: number) => void {
  const gradients = sums.map(() => code.register());
  const seen = code.register();
  return (first, lanes) => {
    gradients.forEach((gradient, channel) => {
      code.load(gradient, GRADIENT, channel * gradientStep + first * FLOAT_BYTES, lanes);
    });
    offsets.forEach((offset, product) => {
      const at = offset + first * pixelStep;
      // Lanes behind the last pixel stay 0 on both sides, whatever lies there.
      if (pixelStep === FLOAT_BYTES) code.load(seen, INPUT, at, lanes);
      else code.gather(seen, INPUT, range(lanes).map((lane) => at + lane * pixelStep));
      sums.forEach((ofChannel, channel) => {
        code.fma(ofChannel[product] ?? 0, gradients[channel] ?? 0, seen);
      });
    });
  };
}

/** Adds up the lanes of a channel's sums, and takes them by the vector. */
function eachRun(
  code: ProgramBuilder,
  sums: readonly Register[],
  each: (run: Register, product: number, count: number) => void,
): void {
  for (let product = 0; product < sums.length; product += code.lanes) {
    const some = sums.slice(product, product + code.lanes);
    each(sumLanes(code, some), product, some.length);
  }
}

/** Vectors of sums that are loaded together, so that the parts of one do not wait for those of another. */
const FINISHED_VECTORS = 4;

function finishChannel(code: ProgramBuilder, products: number, move: SumMove): void {
  const { lanes } = code;
  const vectorBytes = lanes * FLOAT_BYTES;
  const copy = (offsets: readonly number[], count: number) => {
    loadSums(code, move, offsets, count).forEach((sum, i) => {
      code.store(sum, move.to, offsets[i], count);
    });
  };
  const vectors = Math.floor(products / lanes);
  const steps = [[move.from, vectorBytes], [move.to, vectorBytes]] as const;
  code.blocks(vectors, FINISHED_VECTORS, steps, (count) => {
    copy(range(count).map((i) => i * vectorBytes), lanes);
  });
  const rest = products % lanes;
  if (rest > 0) code.displaced(steps, vectors, () => copy([0], rest));
}

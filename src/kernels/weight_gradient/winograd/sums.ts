/**
 * The sums of products, and what they become: an engine tile takes all positions of some channels.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../../codegen/program.ts";
import { tuned } from "../../common/tuning.ts";
import type { PhaseBuilder } from "../../phase_builder.ts";
import { BUFFER } from "../../plan.ts";
import {
  GRADIENT,
  INPUT,
  PARAMETERS,
  type PixelBox,
  productsOf,
  SCRATCH,
  tapsOf,
} from "../shape.ts";
import {
  finish,
  type GradientBlock,
  scratchSums,
  sumInScratch,
  type SumMaker,
  type TileMaker,
} from "../tile.ts";
import type { Tiling } from "../tiling.ts";
import type { WinogradGradient } from "./shape.ts";
import { tapsStageBytes, writeTaps } from "./taps.ts";

/** What makes the sums of a position, and what makes the gradient of all. */
interface Makers {
  readonly sums: TileMaker;
  readonly weights: SumMaker;
}

function makersOf(gradient: WinogradGradient, { chunk, result }: Tiling): Makers {
  const { sums, kernel, weights } = gradient;
  return {
    sums: { shape: sums, kernel, chunk, result: "part" },
    weights: { shape: weights, kernel: gradient.result, result },
  };
}

/** Where the sums of a block lie in scratch memory, in bytes. */
interface SumPlaces {
  /** From the products of one position to those of the next. */
  readonly positionPitch: number;
  readonly taps: number;
  readonly stage: number;
  readonly end: number;
}

function sumPlaces(
  gradient: WinogradGradient,
  { sums, weights }: Makers,
  block: GradientBlock,
): SumPlaces {
  const positionPitch = scratchSums(sums, block) * FLOAT_BYTES;
  const taps = gradient.positions * positionPitch;
  const stage = taps + scratchSums(weights, block) * FLOAT_BYTES;
  return { positionPitch, taps, stage, end: stage + tapsStageBytes(gradient) };
}

/** Bytes of scratch memory that a tile uses. */
export function sumBytes(gradient: WinogradGradient, tiling: Tiling): number {
  return sumPlaces(gradient, makersOf(gradient, tiling), tiling.block).end;
}

/** Adds the tiles that make the gradient, or parts of it. */
export function addSums(
  phase: PhaseBuilder,
  gradient: WinogradGradient,
  tiling: Tiling,
  threadStep: number,
): void {
  const { geometry: g, input: { layout }, sums, kernel, weights, positions } = gradient;
  const { block, parts, result } = tiling;
  const isPart = result === "part";
  const { sumChannels } = gradient.result;
  const channelBytes = productsOf(weights) * FLOAT_BYTES;
  const panels = Math.ceil(sums.outChannels / sumChannels);
  const axis = (name: keyof PixelBox) => ({
    count: sums.pixels[name],
    block: block.pixels[name],
    steps: {
      input: kernel.walk.input[name],
      gradient: kernel.walk.gradient[name],
      result: isPart ? parts[name].step / block.pixels[name] : 0,
    },
  });
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      groups: {
        count: g.groups,
        steps: {
          input: layout.groupPitch,
          gradient: gradient.gradient.groupPitch,
          result: (isPart ? panels * sumChannels : sums.outChannels) * channelBytes,
        },
      },
      outChannels: {
        count: sums.outChannels,
        block: block.outChannels,
        steps: { gradient: kernel.gradientStep, result: channelBytes },
      },
      inChannels: {
        count: sums.inChannels,
        block: block.inChannels,
        steps: {
          input: sums.input.channelPitch,
          result: tapsOf(weights) * (isPart ? sumChannels : 1) * FLOAT_BYTES,
        },
      },
      items: axis("items"),
      depth: axis("depth"),
      rows: axis("rows"),
      columns: axis("columns"),
    },
    bases: {
      input: { buffer: BUFFER.padded, offset: layout.start },
      gradient: { buffer: BUFFER.packedWeight, offset: gradient.packedElements * FLOAT_BYTES },
      result: { buffer: isPart ? BUFFER.partialSums : BUFFER.output, offset: 0 },
      scratch: { buffer: BUFFER.scratch, offset: 0, threadStep },
    },
    itemCost: positions * tapsOf(sums) / tuned(sums.target, "multiplyAddsPerMicrosecond"),
    write: ({ outChannels, inChannels, items, depth, rows, columns }) => {
      const pixels = { items, depth, rows, columns };
      return sumProgram(gradient, tiling, { groups: 1, outChannels, inChannels, pixels });
    },
  });
}

function sumProgram(gradient: WinogradGradient, tiling: Tiling, block: GradientBlock): Program {
  const { sums, positions, input: { layout }, result: { sumChannels } } = gradient;
  const { outChannels, inChannels, pixels } = block;
  const makers = makersOf(gradient, tiling);
  const code = new ProgramBuilder(
    `winograd weight gradient ${outChannels}oc x ${inChannels}ic x ${
      Object.values(pixels).join("x")
    } tiles, ${positions} positions`,
    sums.target.lanes,
    PARAMETERS,
  );
  const { positionPitch, taps, stage } = sumPlaces(gradient, makers, block);
  const steps = [
    [INPUT, layout.shape.transformed.positionPitch],
    [GRADIENT, gradient.gradient.positionPitch],
    [SCRATCH, positionPitch],
  ] as const;
  code.sweep(positions, steps, () => sumInScratch(code, makers.sums, block));
  const products = Math.ceil(outChannels / sumChannels) * inChannels * tapsOf(sums);
  writeTaps(code, gradient, {
    products: SCRATCH,
    positionPitch,
    taps: code.pointer(SCRATCH, taps),
    stage: code.pointer(SCRATCH, stage),
  }, products);
  code.displaced([[SCRATCH, taps]], 1, () => finish(code, makers.weights, block));
  return code.build();
}

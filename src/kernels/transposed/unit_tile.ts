/**
 * Transposed convolution with the column phases of a row in one register tile: all phases of some
 * output channels by some vectors of units, as `units.ts` describes. Their lanes are interleaved
 * in registers, so that full vectors of consecutive pixels are stored, where phases one at a time touch
 * every cache line of the output as often as there are phases.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  type ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { CACHE_LINE_BYTES, CACHE_SETS, WAYS, WINDOW_BYTES } from "../common/cache.ts";
import { kernelRowBytes, phasedChannels, type PhasedShape, phasedVectors } from "./units.ts";
import {
  outputSteps,
  ROW_POINTERS,
  storeLanes,
  sweepGroups,
  type TileBlock,
  tileBuilder,
  writeInitialSums,
} from "../rows/shape.ts";
import { writeInParts } from "../rows/partial_sums.ts";
import { interleave } from "../common/interleave.ts";
import { range } from "../../base/numbers.ts";
import { writeReduction } from "../common/reduction.ts";
import { evenParts, unrolledSteps } from "../common/register_tile.ts";
import { NARROW } from "../common/tuning.ts";

const { input: INPUT, weight: WEIGHT, bias: BIAS, scratch: SCRATCH } = ROW_POINTERS;

/**
 * Writes the program of a tile.
 *
 * @param shape What is convolved.
 * @param block How much of it one tile does; its columns are units, the last of which ends the row
 * where `shape.missing` is not 0.
 * @returns A program of the pointers `ROW_PARAMETERS`.
 */
export function phasedProgram(shape: PhasedShape, block: TileBlock): Program {
  const code = tileBuilder(`direct, ${shape.phases} column phases,`, shape, block);
  const { outChannels, rows, columns } = block;
  const together = Math.min(rows, rowsTogether(shape, outChannels, columns));
  const steps = [[INPUT, shape.rowStep], ...outputSteps(shape, shape.outputRowStep)] as const;
  sweepGroups(code, shape, block.groups, () => {
    code.blocks(rows, together, steps, (rows) => writeRows(code, shape, { ...block, rows }));
  });
  return code.build();
}

/** Output rows that one register tile spans. */
export function rowsTogether(shape: PhasedShape, outChannels: number, columns: number): number {
  const vectors = Math.ceil(columns / shape.target.lanes);
  return Math.max(1, Math.floor(phasedVectors(shape, outChannels) / vectors));
}

/** One vector of units in a register tile. */
interface UnitVector {
  readonly input: number;
  readonly output: number;
  /** Pixels that it makes. */
  readonly pixels: number;
}

/** The vectors of the first `pixels` pixels of `rows` rows. */
function unitVectors(shape: PhasedShape, rows: number, pixels: number): UnitVector[] {
  const { target: { lanes }, phases, rowStep, outputRowStep } = shape;
  const perRow = Math.ceil(pixels / (lanes * phases));
  return range(rows * perRow).map((i) => {
    const row = Math.floor(i / perRow);
    const first = (i % perRow) * lanes;
    return {
      input: row * rowStep + first * FLOAT_BYTES,
      output: row * outputRowStep + first * phases * FLOAT_BYTES,
      pixels: Math.min(lanes * phases, pixels - first * phases),
    };
  });
}

/** `rows` output rows at once, from the first unit to the last. */
function writeRows(
  code: ProgramBuilder,
  shape: PhasedShape,
  { outChannels, rows, columns }: TileBlock,
): void {
  const { target: { lanes }, phases, missing } = shape;
  const vectors = Math.ceil(columns / lanes);
  const perTile = Math.min(vectors, phasedVectors(shape, outChannels));
  const full = Math.ceil(vectors / perTile) - 1;
  const unitsPerTile = perTile * lanes;
  const steps = [
    [INPUT, unitsPerTile * FLOAT_BYTES],
    ...outputSteps(shape, unitsPerTile * phases * FLOAT_BYTES),
  ] as const;
  code.sweep(full, steps, () => {
    writeChannels(code, shape, outChannels, unitVectors(shape, rows, unitsPerTile * phases));
  });
  const rest = (columns - full * unitsPerTile) * phases - missing;
  code.displaced(steps, full, () => {
    writeChannels(code, shape, outChannels, unitVectors(shape, rows, rest));
  });
}

/**
 * All output channels of some units. Where their window on all input channels is too much for the
 * first-level cache, the sum is taken over a block of input channels at a time and kept in scratch
 * memory, `[output channel][phase][vector]`, in between.
 */
function writeChannels(
  code: ProgramBuilder,
  shape: PhasedShape,
  outChannels: number,
  vectors: readonly UnitVector[],
): void {
  const block = inputChannelBlock(shape, outChannels, vectors);
  if (block >= shape.inChannels) {
    return writeRegisterTiles(code, shape, outChannels, vectors, {
      channels: shape.inChannels,
      partial: false,
    });
  }
  const { phases } = shape;
  const sums = { outChannels, vectors: phases * vectors.length, block };
  writeInParts(code, shape, sums, {
    add: (channels) => {
      writeRegisterTiles(code, shape, outChannels, vectors, { channels, partial: true });
    },
    finish: (placeOf) => {
      vectors.forEach((vector, v) => {
        const sums = code.registers(phases);
        sums.forEach((sum, phase) => code.load(sum, SCRATCH, placeOf(phase * vectors.length + v)));
        storeUnits(code, shape, sums, vector, 0);
      });
    },
  });
}

/** Bytes of scratch memory that the program of a tile of so many output channels may use. */
export function phasedScratchBytes(shape: PhasedShape, outChannels: number): number {
  const vectors = phasedVectors(shape, outChannels);
  return outChannels * vectors * shape.phases * shape.target.lanes * FLOAT_BYTES;
}

/** Sums of fewer vectors do not make up for bringing them back. */
const LEAST_REUSE = 9;

/** Input channels that the sum is taken over at a time: as many as fit into the cache together. */
function inputChannelBlock(
  { inChannels, phases, taps, channelPitch, target: { lanes } }: PhasedShape,
  outChannels: number,
  vectors: readonly UnitVector[],
): number {
  if (outChannels * phases < LEAST_REUSE) return inChannels;
  const bytes = taps.flatMap((tap) => {
    return vectors.flatMap(({ input }) => [tap + input, tap + input + lanes * FLOAT_BYTES - 1]);
  });
  const lines = new Set<number>();
  const sets = new Array<number>(CACHE_SETS).fill(0);
  const fits = (channel: number) => {
    for (const byte of bytes) {
      const line = Math.floor((channel * channelPitch + byte) / CACHE_LINE_BYTES);
      if (lines.has(line)) continue;
      lines.add(line);
      const set = line % CACHE_SETS;
      sets[set] = (sets[set] ?? 0) + 1;
      if (sets[set] > WAYS) return false;
    }
    return lines.size * CACHE_LINE_BYTES <= WINDOW_BYTES;
  };
  const over = range(inChannels).find((channel) => !fits(channel));
  if (over === undefined) return inChannels;
  return Math.ceil(inChannels / Math.ceil(inChannels / Math.max(1, over)));
}

/** Which part of the sum a register tile takes, and whether it comes from and goes to scratch memory. */
interface SumPart {
  /** Input channels. */
  readonly channels: number;
  readonly partial: boolean;
}

/** Some part of the sums of all output channels, a register tile at a time. */
function writeRegisterTiles(
  code: ProgramBuilder,
  shape: PhasedShape,
  outChannels: number,
  vectors: readonly UnitVector[],
  part: SumPart,
): void {
  const parts = evenParts(outChannels, phasedChannels(shape.target, shape.phases, vectors.length));
  code.evenBlocks(parts, channelSteps(shape, vectors.length, part), (channels) => {
    writeRegisterTile(code, shape, channels, vectors, part);
  });
}

/** How the pointers move on by an output channel. */
function channelSteps(shape: PhasedShape, vectors: number, { partial }: SumPart): Steps {
  const weight = [WEIGHT, weightPitch(shape)] as const;
  if (partial) {
    return [weight, [SCRATCH, shape.phases * vectors * shape.target.lanes * FLOAT_BYTES]];
  }
  return [weight, [BIAS, FLOAT_BYTES], ...outputSteps(shape, shape.outputChannelPitch)];
}

/** Bytes from the weights of one output channel to the next. */
function weightPitch({ inChannels, taps }: PhasedShape): number {
  return inChannels * taps.length * FLOAT_BYTES;
}

/** The sums of a register tile: `sums[channel][phase][vector]`. */
type Sums = readonly (readonly (readonly Register[])[])[];

/** All phases of `channels` output channels by some vectors of units, in registers throughout. */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: PhasedShape,
  channels: number,
  vectors: readonly UnitVector[],
  part: SumPart,
): void {
  const { phases, target } = shape;
  const sums = range(channels).map(() => range(phases).map(() => code.registers(vectors.length)));
  const vectorBytes = target.lanes * FLOAT_BYTES;
  const eachInScratch = (each: (sum: Register, offset: number) => void) => {
    sums.flat(2).forEach((sum, i) => each(sum, i * vectorBytes));
  };
  if (part.partial) eachInScratch((sum, offset) => code.load(sum, SCRATCH, offset));
  else {
    sums.forEach((column, channel) => writeInitialSums(code, shape, column.flat(), channel));
  }
  writeSums(code, shape, sums, vectors, part.channels);
  if (part.partial) return eachInScratch((sum, offset) => code.store(sum, SCRATCH, offset));
  sums.forEach((column, channel) => {
    vectors.forEach((vector, v) => {
      const unit = column.flatMap((row) => row.slice(v, v + 1));
      storeUnits(code, shape, unit, vector, channel * shape.outputChannelPitch);
    });
  });
}

/** Adds what some input channels contribute. */
function writeSums(
  code: ProgramBuilder,
  shape: PhasedShape,
  sums: Sums,
  vectors: readonly UnitVector[],
  channels: number,
): void {
  const { target, kernelRows, steps, channelPitch } = shape;
  const input = code.pointer(INPUT);
  const weight = code.pointer(WEIGHT);
  const inputs = code.registers(vectors.length);
  const weightOf = target.cheapBroadcast
    ? broadcastWeight(code, shape, weight)
    : laneWeight(code, shape, sums.length, weight);
  const rowBytes = kernelRowBytes(shape);
  const rows = range(channels).flatMap((c) => kernelRows.map((row) => c * channelPitch + row));
  const products = Math.max(1, rowBytes / FLOAT_BYTES);
  const unroll = Math.max(1, Math.floor(unrolledTurns(target, sums, vectors) / products));
  writeReduction(code, input, weight, rows, (offsets) => {
    let index = 0;
    for (const row of offsets) {
      for (const { offset, phases } of steps) {
        inputs.forEach((register, v) => {
          code.load(register, input, row + offset + (vectors[v]?.input ?? 0));
        });
        for (const phase of phases) {
          sums.forEach((column, channel) => {
            const factor = weightOf(channel, index);
            column[phase]?.forEach((sum, v) => {
              const register = inputs[v];
              if (register !== undefined) code.fma(sum, register, factor);
            });
          });
          index++;
        }
      }
    }
  }, { weightStep: rowBytes, unroll });
}

/** Products of an output channel that are written out without a loop. */
function unrolledTurns(
  target: Target,
  sums: Sums,
  vectors: readonly UnitVector[],
): number {
  return target.cheapBroadcast ? unrolledSteps(sums.length * vectors.length) : NARROW.unroll;
}

/** Brings a channel's weight of the product `index` into every lane. */
type WeightOf = (channel: number, index: number) => Register;

/** Weights are broadcast straight from memory and pass through one register. */
function broadcastWeight(code: ProgramBuilder, shape: PhasedShape, weight: Pointer): WeightOf {
  const passing = code.register();
  return (channel, index) => {
    code.broadcast(passing, weight, channel * weightPitch(shape) + index * FLOAT_BYTES);
    return passing;
  };
}

/** Each channel's weights are loaded by the vector and broadcast lane by lane. */
function laneWeight(
  code: ProgramBuilder,
  shape: PhasedShape,
  channels: number,
  weight: Pointer,
): WeightOf {
  const quads = code.registers(channels);
  const weights = code.registers(channels);
  return (channel, index) => {
    const quad = quads[channel] ?? 0;
    const factor = weights[channel] ?? 0;
    const lane = index % shape.target.lanes;
    if (lane === 0) {
      code.load(quad, weight, channel * weightPitch(shape) + index * FLOAT_BYTES);
    }
    code.lane(factor, quad, lane);
    return factor;
  };
}

/** Interleaves the phases of a vector of units, finishes their pixels and stores them. */
function storeUnits(
  code: ProgramBuilder,
  { target: { lanes }, epilogue }: PhasedShape,
  sums: readonly Register[],
  { output, pixels }: UnitVector,
  channelOffset: number,
): void {
  interleave(code, sums).forEach((vector, i) => {
    const present = Math.min(lanes, pixels - i * lanes);
    if (present <= 0) return;
    storeLanes(code, epilogue, vector, {
      offset: channelOffset + output + i * lanes * FLOAT_BYTES,
      pixelStep: FLOAT_BYTES,
      lanes: present,
    });
  });
}

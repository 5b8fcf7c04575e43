/**
 * The matrix products of Winograd's algorithm: for each position of a tile, output channels by input
 * channels times input channels by tiles.
 *
 * Lanes are tiles. A register tile is a panel of output channels by some vectors of tiles; where fewer
 * vectors are left over, several panels by those. The transformed weights lie in the order in which they
 * are read, `[panel][input channel][depth tap][output channel]`. They are often too large for a
 * second-level cache; read in one stream they arrive in time, where four interleaved streams on one page
 * are not recognised by the processor's prefetchers.
 *
 * Where a broadcast from memory costs more than a load, a panel is as many channels as a vector has
 * lanes: a vector of weights holds those of one input channel for a whole panel and is broadcast lane by
 * lane. Elsewhere panels are as large as the registers allow, and of about equal size.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
import { prefetching } from "../common/prefetch.ts";

/** A register tile. */
export interface ProductTile {
  /** Output channels. */
  readonly panel: number;
  /** Vectors of tiles. */
  readonly vectors: number;
}

/** A set of matrix products. Pitches are in bytes. */
export interface ProductShape {
  readonly target: Target;
  readonly tile: ProductTile;
  /** How many there are. */
  readonly positions: number;
  readonly inChannels: number;
  /** For each depth tap, where its transformed input lies. */
  readonly depthTaps: readonly number[];
  readonly transformed: { readonly positionPitch: number; readonly channelPitch: number };
  readonly weight: { readonly positionPitch: number };
  readonly products: { readonly channelPitch: number; readonly positionPitch: number };
}

/** Where the operands are. */
export interface ProductPointers {
  readonly transformed: Pointer;
  readonly weight: Pointer;
  readonly products: Pointer;
  /** Scratch memory of {@linkcode partialBytes}; not used where that is 0. */
  readonly partial: Pointer;
}

/** Bytes of the transformed weights of one output channel at one position. */
export function channelWeights(
  { inChannels, depthTaps }: Pick<ProductShape, "inChannels" | "depthTaps">,
): number {
  return inChannels * depthTaps.length * FLOAT_BYTES;
}

/** The most output channels of a register tile, by its vectors of tiles (index 0 is not used). */
const CHANNELS_BY_VECTORS: Readonly<Record<Target["name"], readonly number[]>> = {
  wasm: [0, 8, 4],
  avx2: [0, 12, 5, 3],
  avx512: [0, 28, 13, 8, 6],
};

/** Multiply-adds that a processor of these targets begins while one goes on. */
const LATENCY_MULTIPLY_ADDS = 8;

/** The register tile for products of some output channels by some vectors of tiles. */
export function productTile(target: Target, outChannels: number, vectors: number): ProductTile {
  const most = CHANNELS_BY_VECTORS[target.name];
  if (!target.cheapBroadcast) return { panel: target.lanes, vectors: most.length - 1 };
  const tiles = range(Math.min(vectors, most.length - 1)).map((i) => {
    const panels = Math.ceil(outChannels / (most[i + 1] ?? 1));
    return { panel: Math.ceil(outChannels / panels), vectors: i + 1 };
  });
  const costs = tiles.map((tile) => productCost(target, tile, outChannels, vectors));
  return tiles[costs.indexOf(Math.min(...costs))] ?? { panel: 1, vectors: 1 };
}

/** What a term of some sums costs that are taken with a register tile, in multiply-adds. */
function productCost(
  target: Target,
  tile: ProductTile,
  outChannels: number,
  vectors: number,
): number {
  const full = Math.floor(vectors / tile.vectors) *
    columnCost(tile.panel, tile.vectors, outChannels);
  const rest = vectors % tile.vectors;
  return rest === 0
    ? full
    : full + columnCost(restPanels(target, tile, rest) * tile.panel, rest, outChannels);
}

/** The same, with register tiles of some channels by some vectors. */
function columnCost(channels: number, vectors: number, outChannels: number): number {
  const cost = (channels: number) =>
    channels === 0 ? 0 : Math.max(channels * vectors, channels + vectors, LATENCY_MULTIPLY_ADDS);
  return Math.floor(outChannels / channels) * cost(channels) + cost(outChannels % channels);
}

/** Panels of a register tile with fewer vectors than a whole one. */
function restPanels(target: Target, { panel }: ProductTile, vectors: number): number {
  const most = CHANNELS_BY_VECTORS[target.name][vectors] ?? 1;
  return Math.max(1, Math.floor(most / panel));
}

/** Multiply-add steps of one turn of the innermost loop, and multiply-adds that are enough for one. */
const UNROLL = 16;
const TURN_MULTIPLY_ADDS = 128;

/** Transformed input of one position that stays in a first-level cache while weights stream by. */
const RESIDENT_BYTES = 24 * 1024;

/** Memory for the partial sums of a register tile: none where a sum is taken at once. */
export function partialBytes(shape: ProductShape): number {
  if (shape.inChannels <= chunkChannels(shape)) return 0;
  const { target: { name, lanes } } = shape;
  const vectors = CHANNELS_BY_VECTORS[name].map((channels, vectors) => channels * vectors);
  return Math.max(...vectors) * lanes * FLOAT_BYTES;
}

/** Writes the products of `tiles` tiles and some output channels. The pointers are left as they were. */
export function writeProducts(
  code: ProgramBuilder,
  shape: ProductShape,
  pointers: ProductPointers,
  tiles: number,
  outChannels: number,
): void {
  const { target, tile } = shape;
  const { transformed, weight, products } = pointers;
  const vectorBytes = target.lanes * FLOAT_BYTES;
  const vectors = Math.ceil(tiles / target.lanes);
  const positionSteps: Steps = [
    [transformed, shape.transformed.positionPitch],
    [weight, shape.weight.positionPitch],
    [products, shape.products.positionPitch],
  ];
  const channelSteps: Steps = [
    [weight, channelWeights(shape)],
    [products, shape.products.channelPitch],
  ];
  const vectorSteps: Steps = [[transformed, vectorBytes], [products, vectorBytes]];
  const write = (channels: number, count: number) => {
    writeRegisterTile(code, shape, pointers, channels, count);
  };
  const rest = vectors % tile.vectors;
  const whole = vectors - rest;
  const overVectors = (body: (count: number) => void) => {
    code.blocks(whole, tile.vectors, vectorSteps, body);
  };
  const overPanels = (panels: number, body: (channels: number) => void) => {
    code.blocks(outChannels, panels * tile.panel, channelSteps, body);
  };
  const resident = shape.inChannels * shape.depthTaps.length * vectors * vectorBytes;
  code.sweep(shape.positions, positionSteps, () => {
    if (resident <= RESIDENT_BYTES) {
      overPanels(1, (channels) => overVectors((count) => write(channels, count)));
    } else overVectors((count) => overPanels(1, (channels) => write(channels, count)));
    if (rest === 0) return;
    code.displaced(vectorSteps, whole, () => {
      overPanels(restPanels(target, tile, rest), (channels) => write(channels, rest));
    });
  });
}

/**
 * The sums of some channels by some vectors of tiles. They stay in registers over
 * {@linkcode CHUNK} terms, and these partial sums are added up in memory: the rounding errors of a
 * long sum grow with the length of its chunks instead. That memory is the thread's own: another thread may
 * be at the same products, or read them already, and may see nothing but whole sums there.
 */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: ProductShape,
  pointers: ProductPointers,
  channels: number,
  vectors: number,
): void {
  const { target: { lanes }, inChannels } = shape;
  const sums = Array.from({ length: channels }, () => code.registers(vectors));
  const input = code.pointer(pointers.transformed);
  const weight = code.pointer(pointers.weight);
  const before = code.register();
  const chunk = (size: number) => writeSums(code, shape, { input, weight }, sums, size);
  const add = () => {
    sums.flat().forEach((sum, index) => {
      code.load(before, pointers.partial, index * lanes * FLOAT_BYTES);
      code.add(sum, sum, before);
    });
  };
  const keep = () => {
    sums.flat().forEach((sum, index) => {
      code.store(sum, pointers.partial, index * lanes * FLOAT_BYTES);
    });
  };
  const size = chunkChannels(shape);
  const chunks = Math.ceil(inChannels / size);
  if (chunks > 1) {
    chunk(size);
    keep();
    code.loop(chunks - 2, () => {
      chunk(size);
      add();
      keep();
    });
  }
  chunk(inChannels - (chunks - 1) * size);
  if (chunks > 1) add();
  sums.forEach((row, channel) => {
    row.forEach((sum, v) => {
      const offset = channel * shape.products.channelPitch + v * lanes * FLOAT_BYTES;
      code.store(sum, pointers.products, offset);
    });
  });
}

/** Terms of a sum that are added up one by one. */
const CHUNK = 128;

/** Input channels that have so many terms. */
function chunkChannels({ depthTaps }: Pick<ProductShape, "depthTaps">): number {
  return Math.max(1, Math.floor(CHUNK / depthTaps.length));
}

/** The sums over some input channels; the pointers are left behind the last. */
function writeSums(
  code: ProgramBuilder,
  shape: ProductShape,
  { input, weight }: { readonly input: Pointer; readonly weight: Pointer },
  sums: readonly (readonly Register[])[],
  inChannels: number,
): void {
  const { target, tile, depthTaps } = shape;
  const vectorBytes = target.lanes * FLOAT_BYTES;
  const weightStep = tile.panel * FLOAT_BYTES;
  for (const sum of sums.flat()) code.zero(sum);
  const vectors = sums[0]?.length ?? 0;
  const inputs = code.registers(vectors);
  const factors = factorsOf(code, shape, weight, sums.length);
  const step = (channel: number, tap: number, index: number) => {
    inputs.forEach((register, v) => {
      const offset = channel * shape.transformed.channelPitch + tap + v * vectorBytes;
      code.load(register, input, offset);
    });
    factors.begin(index * weightStep);
    sums.forEach((row, channel) => {
      const factor = factors.get(channel, index * weightStep);
      row.forEach((sum, v) => {
        const register = inputs[v];
        if (register !== undefined) code.fma(sum, register, factor);
      });
    });
  };
  const unroll = target.cheapBroadcast
    ? Math.min(UNROLL, Math.ceil(TURN_MULTIPLY_ADDS / (sums.length * vectors)))
    : UNROLL;
  const turn = Math.max(1, Math.floor(unroll / depthTaps.length));
  const steps = (count: number) => {
    const prefetch = prefetching(code, weight);
    for (let channel = 0; channel < count; channel++) {
      depthTaps.forEach((tap, i) => {
        const index = channel * depthTaps.length + i;
        step(channel, tap, index);
        prefetch((index + 1) * weightStep);
      });
    }
    code.advance(input, count * shape.transformed.channelPitch);
    code.advance(weight, count * depthTaps.length * weightStep);
  };
  code.loop(Math.floor(inChannels / turn), () => steps(turn));
  steps(inChannels % turn);
}

/** How the weights of a term come into every lane, one output channel after the other. */
interface Factors {
  /** Before the channels of a term, whose weights lie `offset` bytes from the pointer. */
  readonly begin: (offset: number) => void;
  readonly get: (channel: number, offset: number) => Register;
}

function factorsOf(
  code: ProgramBuilder,
  shape: ProductShape,
  weight: Pointer,
  channels: number,
): Factors {
  const { target, tile } = shape;
  const place = (channel: number) =>
    Math.floor(channel / tile.panel) * tile.panel * channelWeights(shape);
  if (target.cheapBroadcast) {
    const factor = code.register();
    return {
      begin: () => {},
      get: (channel, offset) => {
        const within = channel % tile.panel * FLOAT_BYTES;
        code.broadcast(factor, weight, place(channel) + offset + within);
        return factor;
      },
    };
  }
  const panels = code.registers(Math.ceil(channels / tile.panel));
  const factor = code.register();
  return {
    begin: (offset) => {
      panels.forEach((register, p) => {
        code.load(register, weight, place(p * tile.panel) + offset);
      });
    },
    get: (channel) => {
      const panel = panels[Math.floor(channel / tile.panel)];
      if (panel !== undefined) code.lane(factor, panel, channel % tile.panel);
      return factor;
    },
  };
}

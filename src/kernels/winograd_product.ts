/**
 * The matrix products of Winograd's algorithm: for each position of a tile, output channels by input
 * channels times input channels by tiles.
 *
 * Lanes are tiles. A register tile is one panel of output channels, as many as a vector has lanes, by
 * two vectors of tiles (two panels by one vector where a vector is left over). The transformed weights
 * lie in the order in which they are read, `[panel][input channel][depth tap][output channel]`: a vector
 * of them holds one input channel's weights of a whole panel and is broadcast lane by lane. They are
 * often too large for a second-level cache; read in one stream they arrive in time, where four
 * interleaved streams on one page are not recognised by the processor's prefetchers.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
  type Steps,
} from "../codegen/program.ts";

/** A set of matrix products. Pitches are in bytes. */
export interface ProductShape {
  readonly lanes: number;
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
}

/** Bytes of the transformed weights of one panel. */
export function panelPitch(
  { lanes, inChannels, depthTaps }: Pick<ProductShape, "lanes" | "inChannels" | "depthTaps">,
): number {
  return inChannels * depthTaps.length * lanes * FLOAT_BYTES;
}

/** Vectors of tiles of a register tile. */
const VECTORS = 2;

/** Multiply-add steps of one turn of the innermost loop. */
const UNROLL = 16;

/** Transformed input of one position that stays in a first-level cache while weights stream by. */
const RESIDENT_BYTES = 24 * 1024;

/** Writes the products of `tiles` tiles and some output channels. The pointers are left as they were. */
export function writeProducts(
  code: ProgramBuilder,
  shape: ProductShape,
  { transformed, weight, products }: ProductPointers,
  tiles: number,
  outChannels: number,
): void {
  const { lanes } = shape;
  const vectorBytes = lanes * FLOAT_BYTES;
  const vectors = Math.ceil(tiles / lanes);
  const positionSteps: Steps = [
    [transformed, shape.transformed.positionPitch],
    [weight, shape.weight.positionPitch],
    [products, shape.products.positionPitch],
  ];
  const panelSteps: Steps = [
    [weight, panelPitch(shape)],
    [products, lanes * shape.products.channelPitch],
  ];
  const vectorSteps: Steps = [[transformed, vectorBytes], [products, vectorBytes]];
  const tile = (channels: number, count: number) => {
    writeRegisterTile(code, shape, { transformed, weight, products }, channels, count);
  };
  const paired = vectors - vectors % VECTORS;
  const overVectors = (body: (count: number) => void) => {
    sweepBlocks(code, paired, VECTORS, vectorSteps, body);
  };
  const overPanels = (panels: number, body: (channels: number) => void) => {
    sweepBlocks(code, outChannels, panels * lanes, scaled(panelSteps, 1 / lanes), body);
  };
  const resident = shape.inChannels * shape.depthTaps.length * vectors * vectorBytes;
  code.sweep(shape.positions, positionSteps, () => {
    if (resident <= RESIDENT_BYTES) {
      overPanels(1, (channels) => overVectors((count) => tile(channels, count)));
    } else overVectors((count) => overPanels(1, (channels) => tile(channels, count)));
    if (paired === vectors) return;
    code.displaced(vectorSteps, paired, () => {
      overPanels(2, (channels) => tile(channels, 1));
    });
  });
}

/** `body` for each block of an axis, the last perhaps smaller; `steps` are those of one item. */
function sweepBlocks(
  code: ProgramBuilder,
  count: number,
  block: number,
  steps: Steps,
  body: (size: number) => void,
): void {
  const full = Math.floor(count / block);
  code.sweep(full, scaled(steps, block), () => body(block));
  if (count % block === 0) return;
  code.displaced(scaled(steps, block), full, () => body(count % block));
}

function scaled(steps: Steps, factor: number): Steps {
  return steps.map(([ptr, bytes]) => [ptr, bytes * factor] as const);
}

/**
 * The sums of some channels by some vectors of tiles. They stay in registers over
 * {@linkcode CHUNK} terms, and these partial sums are added up in memory: the rounding errors of a
 * long sum grow with the length of its chunks instead.
 */
function writeRegisterTile(
  code: ProgramBuilder,
  shape: ProductShape,
  pointers: ProductPointers,
  channels: number,
  vectors: number,
): void {
  const { lanes, inChannels, depthTaps } = shape;
  const sums = Array.from({ length: channels }, () => code.registers(vectors));
  const input = code.pointer(pointers.transformed);
  const weight = code.pointer(pointers.weight);
  const chunk = Math.max(1, Math.floor(CHUNK / depthTaps.length));
  const before = code.register();
  const forEachSum = (body: (sum: Register, offset: number) => void) => {
    sums.forEach((row, channel) => {
      row.forEach((sum, v) => {
        body(sum, channel * shape.products.channelPitch + v * lanes * FLOAT_BYTES);
      });
    });
  };
  const addChunk = (size: number) => {
    writeSums(code, shape, { input, weight }, sums, size);
    forEachSum((sum, offset) => {
      code.load(before, pointers.products, offset);
      code.add(sum, sum, before);
      code.store(sum, pointers.products, offset);
    });
  };
  const first = Math.min(chunk, inChannels);
  const rest = inChannels - first;
  writeSums(code, shape, { input, weight }, sums, first);
  forEachSum((sum, offset) => code.store(sum, pointers.products, offset));
  code.loop(Math.floor(rest / chunk), () => addChunk(chunk));
  if (rest % chunk > 0) addChunk(rest % chunk);
}

/** Terms of a sum that are added up one by one. */
const CHUNK = 128;

/** The sums over some input channels; the pointers are left behind the last. */
function writeSums(
  code: ProgramBuilder,
  shape: ProductShape,
  { input, weight }: { readonly input: Pointer; readonly weight: Pointer },
  sums: readonly (readonly Register[])[],
  inChannels: number,
): void {
  const { lanes, depthTaps } = shape;
  const vectorBytes = lanes * FLOAT_BYTES;
  for (const sum of sums.flat()) code.zero(sum);
  const inputs = code.registers(sums[0]?.length ?? 0);
  const panels = code.registers(Math.ceil(sums.length / lanes));
  const factor = code.register();
  const step = (channel: number, tap: number, index: number) => {
    inputs.forEach((register, v) => {
      const offset = channel * shape.transformed.channelPitch + tap + v * vectorBytes;
      code.load(register, input, offset);
    });
    panels.forEach((register, p) => {
      code.load(register, weight, p * panelPitch(shape) + index * vectorBytes);
    });
    sums.forEach((row, channel) => {
      const panel = panels[Math.floor(channel / lanes)];
      if (panel === undefined) return;
      code.lane(factor, panel, channel % lanes);
      row.forEach((sum, v) => {
        const register = inputs[v];
        if (register !== undefined) code.fma(sum, register, factor);
      });
    });
  };
  const turn = Math.max(1, Math.floor(UNROLL / depthTaps.length));
  const steps = (count: number) => {
    for (let channel = 0; channel < count; channel++) {
      depthTaps.forEach((tap, i) => step(channel, tap, channel * depthTaps.length + i));
    }
    code.advance(input, count * shape.transformed.channelPitch);
    code.advance(weight, count * depthTaps.length * vectorBytes);
  };
  code.loop(Math.floor(inChannels / turn), () => steps(turn));
  steps(inChannels % turn);
}

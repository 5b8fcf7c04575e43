/**
 * The phases of a convolution by Winograd's algorithm, from the input to the output.
 *
 * In phases of their own, the products of one position need the weights and the transformed input of that
 * position only: cut so, every thread reads its part of both and nobody else does.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { type BoxAxis, evenBlock, type PhaseBuilder, type TileBase } from "../phase_builder.ts";
import { BUFFER } from "../plan.ts";
import { multiplyCost, outputCost, productsCost, transformCost } from "./cost.ts";
import {
  blockPlaces,
  forEachBlock,
  forEachInputBlock,
  forEachProductBlock,
  type Layout,
} from "./layout.ts";
import { channelWeights } from "./product.ts";
import {
  FUSED_PARAMETERS,
  fusedProgram,
  MULTIPLY_PARAMETERS,
  multiplyProgram,
  outputParameters,
  outputProgram,
  productsParameters,
  productsProgram,
  transformParameters,
  transformProgram,
} from "./programs.ts";
import {
  outputBlock,
  termBlocks,
  type TermsBlock,
  type WinogradBlock,
  type WinogradChoice,
  type WinogradShape,
} from "./shape.ts";

/** What the tiles of one kernel are made from. */
export interface KernelPlan {
  readonly geometry: Geometry;
  readonly layout: Layout;
  readonly choice: WinogradChoice;
  readonly scratch: Scratch;
}

/** Where things lie in a thread's scratch memory, in bytes. */
export interface Scratch {
  readonly products: number;
  /** All of it, the same for all kernels. */
  readonly bytes: number;
}

/** Adds the tiles of a phase. */
export type AddPhase = (phase: PhaseBuilder, kernel: KernelPlan) => void;

/** Adds the tiles from the input to the output. */
export function addFused(
  phase: PhaseBuilder,
  { geometry: g, layout, choice, scratch }: KernelPlan,
): void {
  const { shape } = layout;
  const plane = outputPlane(g);
  const channels = g.outChannels / g.groups;
  forEachInputBlock(g, layout, ({ block: terms, place, planes, planeStep }) => {
    const block = outputBlock(terms);
    phase.addBox({
      parameters: FUSED_PARAMETERS,
      axes: {
        batch: {
          count: g.batch,
          steps: {
            input: g.inChannels * shape.input.channelPitch,
            ...results(g.outChannels * shape.output.channelPitch),
          },
        },
        groups: {
          count: g.groups,
          steps: {
            input: shape.groupChannels * shape.input.channelPitch,
            weight: layout.groupWeights,
            bias: channels * FLOAT_BYTES,
            ...results(channels * shape.output.channelPitch),
          },
        },
        channels: channelAxis(shape, channels, choice.outChannels),
        planes: { count: planes.count, steps: { input: planeStep, ...results(plane) } },
        ...place.axes(({ input, output }) => ({ input, ...results(output) })),
      },
      bases: {
        input: { buffer: BUFFER.input, offset: place.offset.input },
        transformed: scratchAt(scratch, 0),
        ...multiplyBases(layout, scratch, planes.start * plane + place.offset.output),
      },
      itemCost: shape.inChannels * transformCost(shape, block) /
          Math.min(channels, choice.outChannels) + multiplyCost(shape, block),
      write: ({ channels }) => fusedProgram(shape, terms, channels),
      key: programKey("convolve", shape, terms),
    });
  });
}

/** Adds the tiles from the input to the transformed input. */
export function addInputs(
  phase: PhaseBuilder,
  { geometry: g, layout, scratch }: KernelPlan,
): void {
  const { shape } = layout;
  const { channelPitch } = shape.input;
  forEachInputBlock(g, layout, ({ block: terms, place, planes, planeStep }) => {
    for (const { block, input, transformed } of termBlocks(shape, terms)) {
      phase.addBox({
        parameters: transformParameters(shape),
        axes: {
          batch: {
            count: g.batch,
            steps: { input: g.inChannels * channelPitch, transformed: layout.itemPitch },
          },
          planes: {
            count: planes.count,
            steps: { input: planeStep, transformed: layout.planePitch },
          },
          groups: {
            count: g.groups,
            steps: {
              input: shape.groupChannels * channelPitch,
              transformed: layout.groupPitch,
            },
          },
          channels: {
            count: shape.groupChannels,
            block: transformChannels(layout, {
              channels: shape.groupChannels,
              planes: g.batch * g.groups * layout.depth * shape.inChannels / shape.groupChannels,
              channelCost: transformCost(shape, block),
            }),
            steps: { input: channelPitch, transformed: shape.transformed.channelPitch },
          },
          ...place.axes(({ input, transformed }) => ({ input, transformed })),
        },
        bases: {
          input: { buffer: BUFFER.input, offset: place.offset.input + input },
          transformed: {
            buffer: BUFFER.padded,
            offset: planes.start * layout.planePitch + place.offset.transformed + transformed,
          },
          stage: scratchAt(scratch, 0),
        },
        itemCost: transformCost(shape, block),
        write: ({ channels }) => transformProgram(shape, block, channels),
        key: programKey("input", shape, block),
      });
    }
  });
}

/** Adds the tiles from the transformed input to the output. */
export function addMultiply(
  phase: PhaseBuilder,
  { geometry: g, layout, choice, scratch }: KernelPlan,
): void {
  const { shape } = layout;
  const { channelPitch } = shape.output;
  const channels = g.outChannels / g.groups;
  forEachBlock(layout, (part, rows, columns) => {
    const block = outputBlock({ rows: rows.spans, columns: columns.spans });
    const place = blockPlaces(layout, part, rows, columns);
    phase.addBox({
      parameters: MULTIPLY_PARAMETERS,
      axes: {
        batch: {
          count: g.batch,
          steps: { transformed: layout.itemPitch, ...results(g.outChannels * channelPitch) },
        },
        groups: {
          count: g.groups,
          steps: {
            transformed: layout.groupPitch,
            weight: layout.groupWeights,
            bias: channels * FLOAT_BYTES,
            ...results(channels * channelPitch),
          },
        },
        channels: channelAxis(shape, channels, choice.outChannels),
        planes: {
          count: g.output[0],
          steps: { transformed: g.stride[0] * layout.planePitch, ...results(outputPlane(g)) },
        },
        ...place.axes(({ transformed, output }) => ({ transformed, ...results(output) })),
      },
      bases: {
        transformed: { buffer: BUFFER.padded, offset: place.offset.transformed },
        ...multiplyBases(layout, scratch, place.offset.output),
      },
      itemCost: multiplyCost(shape, block),
      write: ({ channels }) => multiplyProgram(shape, block, channels),
      key: programKey("multiply", shape, block),
    });
  });
}

/** Adds the tiles from the transformed input to the products. */
export function addProducts(
  phase: PhaseBuilder,
  { geometry: g, layout, choice, scratch }: KernelPlan,
): void {
  const { shape, products } = layout;
  forEachProductBlock(layout, (tiles, place) => {
    phase.addBox({
      parameters: productsParameters(shape),
      axes: {
        batch: {
          count: g.batch,
          steps: { transformed: layout.itemPitch, products: products.itemPitch },
        },
        groups: {
          count: g.groups,
          steps: {
            transformed: layout.groupPitch,
            weight: layout.groupWeights,
            products: products.groupPitch,
          },
        },
        positions: {
          count: shape.positions,
          block: choice.positions,
          steps: {
            transformed: shape.transformed.positionPitch,
            weight: shape.weight.positionPitch,
            products: shape.products.positionPitch,
          },
        },
        channels: {
          count: g.outChannels / g.groups,
          block: choice.outChannels,
          steps: { weight: channelWeights(shape), products: shape.products.channelPitch },
        },
        planes: {
          count: g.output[0],
          steps: {
            transformed: g.stride[0] * layout.planePitch,
            products: products.planePitch,
          },
        },
        ...place.axes(({ transformed, products }) => ({ transformed, products })),
      },
      bases: {
        transformed: { buffer: BUFFER.padded, offset: place.offset.transformed },
        weight: { buffer: BUFFER.packedWeight, offset: layout.weightStart },
        products: { buffer: BUFFER.padded, offset: place.offset.products },
        partial: scratchAt(scratch, 0),
      },
      itemCost: productsCost(shape, tiles),
      write: ({ positions, channels }) => productsProgram(shape, tiles, positions, channels),
      key: programKey("products", shape, tiles),
    });
  });
}

/** Adds the tiles from the products to the output. */
export function addOutputs(
  phase: PhaseBuilder,
  { geometry: g, layout, scratch }: KernelPlan,
): void {
  const { shape, products } = layout;
  const { channelPitch } = shape.output;
  const channels = g.outChannels / g.groups;
  forEachBlock(layout, (part, rows, columns) => {
    const block = outputBlock({ rows: rows.spans, columns: columns.spans });
    const place = blockPlaces(layout, part, rows, columns);
    phase.addBox({
      parameters: outputParameters(shape),
      axes: {
        batch: {
          count: g.batch,
          steps: { products: products.itemPitch, ...results(g.outChannels * channelPitch) },
        },
        groups: {
          count: g.groups,
          steps: {
            products: products.groupPitch,
            bias: channels * FLOAT_BYTES,
            ...results(channels * channelPitch),
          },
        },
        channels: {
          count: channels,
          block: transformChannels(layout, {
            channels,
            planes: g.batch * g.groups * g.output[0],
            channelCost: outputCost(shape, block),
          }),
          steps: {
            products: shape.products.channelPitch,
            bias: FLOAT_BYTES,
            ...results(channelPitch),
          },
        },
        planes: {
          count: g.output[0],
          steps: { products: products.planePitch, ...results(outputPlane(g)) },
        },
        ...place.axes(({ products, output }) => ({ products, ...results(output) })),
      },
      bases: {
        products: { buffer: BUFFER.padded, offset: place.offset.products },
        ...resultBases(place.offset.output),
        stage: scratchAt(scratch, 0),
      },
      itemCost: outputCost(shape, block),
      write: ({ channels }) => outputProgram(shape, block, channels),
      key: programKey("output", shape, block),
    });
  });
}

/** The axis of the output channels of a group; a block of them is whole panels. */
function channelAxis(
  shape: WinogradShape,
  count: number,
  block: number,
): BoxAxis<"weight" | "bias" | "output" | "add"> {
  const steps = {
    weight: channelWeights(shape),
    bias: FLOAT_BYTES,
    ...results(shape.output.channelPitch),
  };
  return { count, block, steps };
}

/** Steps of the output. What is added lies as it does. */
function results(bytes: number): Readonly<Record<"output" | "add", number>> {
  return { output: bytes, add: bytes };
}

function resultBases(offset: number): Readonly<Record<"bias" | "output" | "add", TileBase>> {
  return {
    bias: { buffer: BUFFER.bias, offset: 0 },
    output: { buffer: BUFFER.output, offset },
    add: { buffer: BUFFER.add, offset },
  };
}

/** The multiplying programs' parameters from the weights on to what is added. */
function multiplyBases({ weightStart }: Layout, scratch: Scratch, output: number) {
  return {
    weight: { buffer: BUFFER.packedWeight, offset: weightStart },
    products: scratchAt(scratch, scratch.products),
    ...resultBases(output),
  };
}

function scratchAt({ bytes }: Scratch, offset: number): TileBase {
  return { buffer: BUFFER.scratch, offset, threadStep: bytes };
}

function outputPlane({ output }: Geometry): number {
  return output[1] * output[2] * FLOAT_BYTES;
}

/** What an engine tile of a transform is to take: they are short, and others wait for all of them. */
const TRANSFORM_TILE_MICROSECONDS = 8;

/** Channels of a block that one engine tile transforms. */
function transformChannels(
  { partBlocks }: Layout,
  { channels, planes, channelCost }: Record<"channels" | "planes" | "channelCost", number>,
): number {
  const others = planes * partBlocks;
  return evenBlock(channels, others, channels * others * channelCost, TRANSFORM_TILE_MICROSECONDS);
}

/** What the programs for a block, or for so many tiles, depend on: parts with equal ones share them. */
function programKey(
  name: string,
  shape: WinogradShape,
  block: TermsBlock | WinogradBlock | number,
): string {
  return JSON.stringify([name, shape, block]);
}

/**
 * Plans the products of Winograd's algorithm, and the transform of the outputs, in phases of their own.
 *
 * The products of one position need the weights and the transformed input of that position only: cut so,
 * every thread reads its part of both and nobody else does.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import { BUFFER, type Problem } from "../plan.ts";
import type { PhaseBuilder } from "../phase_builder.ts";
import { OUTPUT_PARAMETERS, outputProgram, productsProgram } from "./programs.ts";
import { outputBlock, type WinogradChoice } from "./shape.ts";
import { outputCost, productsCost } from "./cost.ts";
import {
  blockPlaces,
  forEachBlock,
  forEachProductBlock,
  type Layout,
  outputPlane,
  programKey,
  transformChannels,
} from "./layout.ts";
import { isOutputStaged } from "./output.ts";
import { panelPitch, partialBytes } from "./product.ts";

/** Adds the tiles from the transformed input to the products. */
export function addProducts(
  phase: PhaseBuilder,
  { geometry: g }: Problem,
  layout: Layout,
  { outChannels, positions }: WinogradChoice,
  scratchBytes: number,
): void {
  const { shape, products } = layout;
  forEachProductBlock(layout, (tiles, place) => {
    phase.add(
      [
        { count: g.batch, block: 1, steps: [layout.itemPitch, 0, products.itemPitch] },
        {
          count: g.groups,
          block: 1,
          steps: [layout.groupPitch, layout.groupWeights, products.groupPitch],
        },
        {
          count: shape.positions,
          block: positions,
          steps: [
            shape.transformed.positionPitch,
            shape.weight.positionPitch,
            shape.products.positionPitch,
          ],
        },
        {
          count: g.outChannels / g.groups,
          block: outChannels,
          // A block of channels is whole panels.
          steps: [0, panelPitch(shape) / shape.tile.panel, shape.products.channelPitch],
        },
        {
          count: g.output[0],
          block: 1,
          steps: [g.stride[0] * layout.planePitch, 0, products.planePitch],
        },
        ...place.axes(({ transformed, products }) => [transformed, 0, products]),
      ],
      [
        { buffer: BUFFER.padded, offset: place.offset.transformed },
        { buffer: BUFFER.packedWeight, offset: layout.weightStart },
        { buffer: BUFFER.padded, offset: place.offset.products },
        ...partialBytes(shape) > 0
          ? [{ buffer: BUFFER.scratch, offset: 0, threadStep: scratchBytes }]
          : [],
      ],
      productsCost(shape, tiles),
      ([, , positions = 1, channels = 1]) => productsProgram(shape, tiles, positions, channels),
      programKey("products", shape, tiles),
    );
  });
}

/** Adds the tiles from the products to the output. */
export function addOutputs(
  phase: PhaseBuilder,
  { geometry: g }: Problem,
  layout: Layout,
  scratchBytes: number,
): void {
  const { shape, products } = layout;
  const plane = outputPlane(g);
  const { channelPitch } = shape.output;
  const channels = g.outChannels / g.groups;
  forEachBlock(layout, (part, rows, columns) => {
    const block = outputBlock({ rows: rows.spans, columns: columns.spans });
    const place = blockPlaces(layout, part, rows, columns);
    phase.add(
      [
        {
          count: g.batch,
          block: 1,
          steps: steps({ products: products.itemPitch, output: g.outChannels * channelPitch }),
        },
        {
          count: g.groups,
          block: 1,
          steps: steps({
            products: products.groupPitch,
            bias: channels * FLOAT_BYTES,
            output: channels * channelPitch,
          }),
        },
        {
          count: channels,
          block: transformChannels(layout, {
            channels,
            planes: g.batch * g.groups * g.output[0],
            channelCost: outputCost(shape, block),
          }),
          steps: steps({
            products: shape.products.channelPitch,
            bias: FLOAT_BYTES,
            output: channelPitch,
          }),
        },
        {
          count: g.output[0],
          block: 1,
          steps: steps({ products: products.planePitch, output: plane }),
        },
        ...place.axes(({ products, output }) => steps({ products, output })),
      ],
      [
        { buffer: BUFFER.padded, offset: place.offset.products },
        { buffer: BUFFER.bias, offset: 0 },
        { buffer: BUFFER.output, offset: place.offset.output },
        { buffer: BUFFER.add, offset: place.offset.output },
        ...isOutputStaged(shape)
          ? [{ buffer: BUFFER.scratch, offset: 0, threadStep: scratchBytes }]
          : [],
      ],
      outputCost(shape, block),
      ([, , channels = 1]) => outputProgram(shape, block, channels),
      programKey("output", shape, block),
    );
  });
}

type Parameter = (typeof OUTPUT_PARAMETERS)[number];

/** The steps of the arguments; what is added moves as the output does, the stage not at all. */
function steps(bytes: Partial<Record<Parameter, number>>): number[] {
  return OUTPUT_PARAMETERS.map((name) => bytes[name === "add" ? "output" : name] ?? 0);
}

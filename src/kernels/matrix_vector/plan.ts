/**
 * Plans convolutions with one output position as products of a matrix and a vector for every item.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product } from "../../base/numbers.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { evenBlock, multiplyAddsPerMicrosecond, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { columnKernel } from "./columns.ts";
import { gatherPhase, isInOrder } from "./input.ts";
import { rowKernel } from "./rows.ts";
import type { MatrixBlock, MatrixKernel, MatrixShape } from "./shape.ts";

/** Terms of a sum. */
export function termsOf({ inChannels, groups, kernel }: Geometry): number {
  return inChannels / groups * product(kernel);
}

/** Plans a convolution with one output position; a transposed one also has one input position. */
export function planMatrixVector(request: Problem): PlanBody {
  const { geometry: g, hasBias, epilogue, target } = request;
  const terms = termsOf(g);
  const shape: MatrixShape = {
    target,
    terms,
    outChannels: g.outChannels / g.groups,
    inputPitch: g.groups * terms * FLOAT_BYTES,
    outputPitch: g.outChannels * FLOAT_BYTES,
    hasBias,
    epilogue,
  };
  const kernel = g.transposed ? columnKernel(shape, g.batch) : rowKernel(shape, g.batch);
  const inOrder = isInOrder(g);
  const block = blockOf(shape, g, kernel.outChannels);
  const phase = new PhaseBuilder("convolve");
  addTiles(phase, { g, shape, kernel, block }, inOrder ? BUFFER.input : BUFFER.padded);
  return {
    family: "matrix-vector",
    inputLayout: inOrder ? PLAIN_LAYOUT : GATHERED_LAYOUT,
    buffers: planBuffers(
      request,
      inOrder ? 0 : g.batch * g.groups * terms,
      0,
      kernel.scratchBytes(block),
    ),
    preparation: [],
    phases: [...inOrder ? [] : [gatherPhase(g, target)], phase.build()],
  };
}

const GATHERED_LAYOUT = "[batch][channel][tap]";

/** What is computed, by what, and how it is cut. */
interface Tiles {
  readonly g: Geometry;
  readonly shape: MatrixShape;
  readonly kernel: MatrixKernel;
  readonly block: MatrixBlock;
}

function addTiles(phase: PhaseBuilder, { g, shape, kernel, block }: Tiles, input: number): void {
  const { terms, outChannels, inputPitch, outputPitch } = shape;
  const steps = (input: number, weight: number, bias: number, output: number) => {
    return [input, weight, bias, output, output];
  };
  const group = outChannels * FLOAT_BYTES;
  phase.add(
    [
      {
        count: g.groups,
        block: block.groups,
        steps: steps(terms * FLOAT_BYTES, terms * group, group, group),
      },
      {
        count: outChannels,
        block: block.outChannels,
        steps: steps(0, kernel.weightStep, FLOAT_BYTES, FLOAT_BYTES),
      },
      // The innermost axis: tiles of the same weights are taken one after the other.
      { count: g.batch, block: block.items, steps: steps(inputPitch, 0, 0, outputPitch) },
    ],
    [
      { buffer: input, offset: 0 },
      { buffer: BUFFER.weight, offset: 0 },
      { buffer: BUFFER.bias, offset: 0 },
      { buffer: BUFFER.output, offset: 0 },
      { buffer: BUFFER.add, offset: 0 },
      { buffer: BUFFER.scratch, offset: 0, threadStep: kernel.scratchBytes(block) },
    ],
    outputCost(shape, g.batch),
    ([groups = 1, outChannels = 1, items = 1]) => kernel.write({ groups, outChannels, items }),
  );
}

/** Bytes of weights that a thread reads in a microsecond, where they lie in no cache. */
const BYTES_PER_MICROSECOND = 10_000;

/** What the end of a sum takes, in multiply-adds. */
const END_COST = 32;

/** Microseconds of an output of an item: its share of the reading of the weights, or its multiply-adds. */
function outputCost({ target, terms }: MatrixShape, batch: number): number {
  const reading = terms * FLOAT_BYTES / BYTES_PER_MICROSECOND / batch;
  return Math.max(reading, (terms + END_COST) / multiplyAddsPerMicrosecond(target));
}

/** Microseconds of a tile: some 200 KB of weights. */
const TILE_COST = 20;

/** Some output channels of all items and, where these take less than that, of several groups. */
function blockOf(shape: MatrixShape, { batch, groups }: Geometry, step: number): MatrixBlock {
  const { outChannels } = shape;
  const cost = batch * groups * outChannels * outputCost(shape, batch);
  const steps = Math.ceil(outChannels / step);
  const groupBlock = evenBlock(groups, 1, cost, TILE_COST);
  const groupTiles = Math.ceil(groups / groupBlock);
  const outBlock = evenBlock(steps, groupTiles, cost, TILE_COST);
  const tiles = groupTiles * Math.ceil(steps / outBlock);
  return {
    groups: groupBlock,
    outChannels: Math.min(outChannels, outBlock * step),
    items: evenBlock(batch, tiles, cost, TILE_COST),
  };
}

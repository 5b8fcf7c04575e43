/**
 * Plans convolutions with one output position as products of a matrix and a vector for every item.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product } from "../../base/numbers.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { tuned } from "../common/tuning.ts";
import { evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { columnKernel } from "./columns.ts";
import { gatherPhase } from "./gather.ts";
import { rowKernel } from "./rows.ts";
import { countSeen, isInOrder, seenPositions, seenTaps } from "./seen.ts";
import { type MatrixBlock, type MatrixKernel, type MatrixShape, PARAMETERS } from "./shape.ts";

/** Terms of a sum: taps that see nothing but padding have none. */
export function termsOf(g: Geometry): number {
  return g.inChannels / g.groups * countSeen(g);
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
  const block = blockOf(shape, g, kernel.outChannels);
  const gathered = terms > 0 && !isInOrder(g);
  const packed = terms > 0 && countSeen(g) < product(g.kernel);
  const tiles = new PhaseBuilder("convolve");
  addTiles(tiles, { g, shape, kernel, block }, {
    input: gathered ? BUFFER.padded : BUFFER.input,
    weight: packed ? BUFFER.packedWeight : BUFFER.weight,
  });
  const buffers = planBuffers(
    request,
    {
      padded: gathered ? g.batch * g.groups * terms : 0,
      packedWeight: packed ? g.outChannels * terms : 0,
    },
    kernel.scratchBytes(block),
  );
  // Nothing is read behind weights that are used as they lie, which may be all that there is of their memory.
  const weights = g.outChannels * g.inChannels / g.groups * product(g.kernel);
  const weight = { name: "weight", bytes: weights * FLOAT_BYTES };
  return {
    family: "matrix-vector",
    inputLayout: gathered ? GATHERED_LAYOUT : PLAIN_LAYOUT,
    buffers: packed ? buffers : buffers.with(BUFFER.weight, weight),
    preparation: packed ? [weightPhase(g, target)] : [],
    phases: [...gathered ? [inputPhase(g, target)] : [], tiles.build()],
  };
}

const GATHERED_LAYOUT = "[batch][channel][tap]";

/** Brings the input together that is seen. */
function inputPhase(g: Geometry, target: Target): Phase {
  const planes = {
    buffer: BUFFER.input,
    count: g.batch * g.inChannels,
    size: product(g.input),
    places: seenPositions(g),
  };
  return gatherPhase("gather input", planes, BUFFER.padded, target);
}

/** Brings the weights together that see something. */
function weightPhase(g: Geometry, target: Target): Phase {
  const planes = {
    buffer: BUFFER.weight,
    count: g.outChannels * g.inChannels / g.groups,
    size: product(g.kernel),
    places: seenTaps(g),
  };
  return gatherPhase("pack weights", planes, BUFFER.packedWeight, target);
}

/** What is computed, by what, and how it is cut. */
interface Tiles {
  readonly g: Geometry;
  readonly shape: MatrixShape;
  readonly kernel: MatrixKernel;
  readonly block: MatrixBlock;
}

/** Adds the tiles; `input` and `weight` are the buffers that they read. */
function addTiles(
  phase: PhaseBuilder,
  { g, shape, kernel, block }: Tiles,
  { input, weight }: { readonly input: number; readonly weight: number },
): void {
  const { terms, outChannels, inputPitch, outputPitch } = shape;
  const group = outChannels * FLOAT_BYTES;
  const at = (buffer: number) => ({ buffer, offset: 0 });
  const outputs = (bytes: number) => ({ output: bytes, add: bytes });
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      groups: {
        count: g.groups,
        block: block.groups,
        steps: {
          input: terms * FLOAT_BYTES,
          weight: terms * group,
          bias: group,
          ...outputs(group),
        },
      },
      outChannels: {
        count: outChannels,
        block: block.outChannels,
        steps: { weight: kernel.weightStep, bias: FLOAT_BYTES, ...outputs(FLOAT_BYTES) },
      },
      // The innermost axis: tiles of the same weights are taken one after the other.
      items: {
        count: g.batch,
        block: block.items,
        steps: { input: inputPitch, ...outputs(outputPitch) },
      },
    },
    bases: {
      input: at(input),
      weight: at(weight),
      bias: at(BUFFER.bias),
      output: at(BUFFER.output),
      add: at(BUFFER.add),
      scratch: { ...at(BUFFER.scratch), threadStep: kernel.scratchBytes(block) },
    },
    itemCost: outputCost(shape, g.batch),
    write: kernel.write,
  });
}

/** Bytes of weights that a thread reads in a microsecond, where they lie in no cache. */
const BYTES_PER_MICROSECOND = 10_000;

/** What the end of a sum takes, in multiply-adds. */
const END_COST = 32;

/** Microseconds of an output of an item: its share of the reading of the weights, or its multiply-adds. */
function outputCost({ target, terms }: MatrixShape, batch: number): number {
  const reading = terms * FLOAT_BYTES / BYTES_PER_MICROSECOND / batch;
  return Math.max(reading, (terms + END_COST) / tuned(target, "multiplyAddsPerMicrosecond"));
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

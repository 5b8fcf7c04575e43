/**
 * Plans a convolution by Winograd's algorithm.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { PhaseBuilder, type TileAxis, type TileBase } from "../phase_builder.ts";
import { FUSED_PARAMETERS, fusedProgram, multiplyProgram, transformProgram } from "./programs.ts";
import { outputBlock, termBlocks, type WinogradChoice } from "./shape.ts";
import { multiplyCost, transformCost } from "./cost.ts";
import { isInputStaged } from "./input.ts";
import {
  blockPlaces,
  forEachBlock,
  forEachInputBlock,
  type Layout,
  layoutOf,
  outputPlane,
  programKey,
  transformChannels,
} from "./layout.ts";
import { isOutputStaged } from "./output.ts";
import { panelPitch, partialBytes } from "./product.ts";
import { addOutputs, addProducts } from "./separate.ts";
import { stageBytes } from "./stage.ts";
import { addWeights } from "./weight_phase.ts";
import { isWeightStaged } from "./weights.ts";

/** Plans a convolution that {@linkcode allowsWinograd}, kernel by kernel. */
export function planWinograd(request: Problem, choices: readonly WinogradChoice[]): PlanBody {
  const layouts: Layout[] = [];
  for (const choice of choices) {
    const last = layouts.at(-1);
    const start = { transformed: last?.end ?? 0, weight: last?.weightEnd ?? 0 };
    layouts.push(layoutOf(request, choice, start));
  }
  const scratches = choices.map((choice, i) => scratchOf(at(layouts, i), choice));
  const bytes = scratches.reduce((most, scratch) => Math.max(most, scratch.bytes), 0);
  const last = layouts.at(-1);
  const preparation = new PhaseBuilder("transform weights");
  const phases: PhaseBuilder[] = [];
  choices.forEach((choice, i) => {
    const layout = at(layouts, i);
    addWeights(preparation, request, layout, choice.kernel, bytes);
    PHASE_NAMES[choice.phases].forEach((name, phase) => {
      const builder = phases[phase] ??= new PhaseBuilder(name);
      addPhase(builder, request, { layout, choice, scratch: { ...at(scratches, i), bytes } }, name);
    });
  });
  return {
    family: "winograd",
    inputLayout: "as it lies",
    buffers: planBuffers(
      request,
      (last?.end ?? 0) / FLOAT_BYTES,
      (last?.weightEnd ?? 0) / FLOAT_BYTES,
      bytes,
    ),
    preparation: [preparation.build()],
    phases: phases.map((phase) => phase.build()),
  };
}

type PhaseName =
  | "convolve"
  | "transform input"
  | "multiply"
  | "products"
  | "transform output";

/** The phases of a choice. Where kernels have different ones, those that come first go together. */
const PHASE_NAMES: Readonly<Record<WinogradChoice["phases"], readonly PhaseName[]>> = {
  1: ["convolve"],
  2: ["transform input", "multiply"],
  3: ["transform input", "products", "transform output"],
};

/** What the tiles of one kernel are made from. */
interface KernelPlan {
  readonly layout: Layout;
  readonly choice: WinogradChoice;
  readonly scratch: Scratch;
}

function addPhase(
  phase: PhaseBuilder,
  request: Problem,
  kernel: KernelPlan,
  name: PhaseName,
): void {
  switch (name) {
    case "convolve":
      return addFused(phase, request, kernel);
    case "transform input":
      return addInputs(phase, request, kernel);
    case "multiply":
      return addMultiply(phase, request, kernel);
    case "products":
      return addProducts(phase, request, kernel.layout, kernel.choice, kernel.scratch.bytes);
    case "transform output":
      return addOutputs(phase, request, kernel.layout, kernel.scratch.bytes);
  }
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`There are ${values.length} values, no ${index}`);
  return value;
}

/** Where things lie in a thread's scratch memory, in bytes. */
interface Scratch {
  readonly products: number;
  readonly bytes: number;
}

/**
 * The transformed input if it stays with the thread, the products, and behind them their partial sums, then
 * the stage of the transform of the output. That of the input is where the products will be.
 */
function scratchOf(layout: Layout, { phases, outChannels }: WinogradChoice): Scratch {
  const { shape, blockPitch } = layout;
  const products = phases === 1 ? blockPitch : 0;
  const isStaged = isInputStaged(shape) || isOutputStaged(shape) || isWeightStaged(shape);
  const stage = isStaged ? stageBytes(shape.target, shape.positions) : 0;
  const behind = Math.max(partialBytes(shape), stage);
  if (phases === 3) return { products, bytes: behind };
  // The last vector of a row of tiles may reach into the next, and behind the last row.
  const slack = shape.target.lanes * FLOAT_BYTES;
  const bytes = products + outChannels * shape.products.channelPitch + slack + behind;
  return { products, bytes };
}

function addInputs(
  phase: PhaseBuilder,
  { geometry: g }: Problem,
  { layout, scratch }: KernelPlan,
): void {
  const { shape } = layout;
  const both = (input: number, transformed: number) => [input, transformed];
  const { channelPitch } = shape.input;
  forEachInputBlock(g, layout, ({ block: terms, place, planes, planeStep }) => {
    for (const { block, input, transformed } of termBlocks(shape, terms)) {
      phase.add(
        [
          { count: g.batch, block: 1, steps: both(g.inChannels * channelPitch, layout.itemPitch) },
          { count: planes.count, block: 1, steps: both(planeStep, layout.planePitch) },
          {
            count: g.groups,
            block: 1,
            steps: both(shape.groupChannels * channelPitch, layout.groupPitch),
          },
          {
            count: shape.groupChannels,
            block: transformChannels(layout, {
              channels: shape.groupChannels,
              planes: g.batch * g.groups * layout.depth * shape.inChannels / shape.groupChannels,
              channelCost: transformCost(shape, block),
            }),
            steps: both(channelPitch, shape.transformed.channelPitch),
          },
          ...place.axes(({ input, transformed }) => both(input, transformed)),
        ],
        [
          { buffer: BUFFER.input, offset: place.offset.input + input },
          {
            buffer: BUFFER.padded,
            offset: planes.start * layout.planePitch + place.offset.transformed + transformed,
          },
          ...isInputStaged(shape)
            ? [{ buffer: BUFFER.scratch, offset: 0, threadStep: scratch.bytes }]
            : [],
        ],
        transformCost(shape, block),
        ([, , , channels = 1]) => transformProgram(shape, block, channels),
        programKey("input", shape, block),
      );
    }
  });
}

function addMultiply(
  phase: PhaseBuilder,
  { geometry: g }: Problem,
  { layout, choice: { outChannels }, scratch }: KernelPlan,
): void {
  const { shape } = layout;
  const plane = outputPlane(g);
  const channelPitch = shape.output.channelPitch;
  const channels = g.outChannels / g.groups;
  forEachBlock(layout, (part, rows, columns) => {
    const block = outputBlock({ rows: rows.spans, columns: columns.spans });
    const place = blockPlaces(layout, part, rows, columns);
    phase.add(
      [
        {
          count: g.batch,
          block: 1,
          steps: steps({ transformed: layout.itemPitch, output: g.outChannels * channelPitch }),
        },
        {
          count: g.groups,
          block: 1,
          steps: steps({
            transformed: layout.groupPitch,
            weight: layout.groupWeights,
            bias: channels * FLOAT_BYTES,
            output: channels * channelPitch,
          }),
        },
        channelAxis(layout, channels, outChannels),
        {
          count: g.output[0],
          block: 1,
          steps: steps({ transformed: g.stride[0] * layout.planePitch, output: plane }),
        },
        ...place.axes(({ transformed, output }) => steps({ transformed, output })),
      ],
      [
        { buffer: BUFFER.padded, offset: place.offset.transformed },
        ...multiplyBases(layout, scratch, place.offset.output),
      ],
      multiplyCost(shape, block),
      ([, , channels = 1]) => multiplyProgram(shape, block, channels),
      programKey("multiply", shape, block),
    );
  });
}

function addFused(
  phase: PhaseBuilder,
  { geometry: g }: Problem,
  { layout, choice: { outChannels }, scratch }: KernelPlan,
): void {
  const { shape } = layout;
  const plane = outputPlane(g);
  const channels = g.outChannels / g.groups;
  forEachInputBlock(g, layout, ({ block: terms, place, planes, planeStep }) => {
    const block = outputBlock(terms);
    phase.add(
      [
        {
          count: g.batch,
          block: 1,
          steps: steps({
            output: g.outChannels * shape.output.channelPitch,
            input: g.inChannels * shape.input.channelPitch,
          }),
        },
        {
          count: g.groups,
          block: 1,
          steps: steps({
            weight: layout.groupWeights,
            bias: channels * FLOAT_BYTES,
            output: channels * shape.output.channelPitch,
            input: shape.groupChannels * shape.input.channelPitch,
          }),
        },
        channelAxis(layout, channels, outChannels),
        { count: planes.count, block: 1, steps: steps({ output: plane, input: planeStep }) },
        ...place.axes(({ input, output }) => steps({ output, input })),
      ],
      [
        { buffer: BUFFER.scratch, offset: 0, threadStep: scratch.bytes },
        ...multiplyBases(layout, scratch, planes.start * plane + place.offset.output),
        { buffer: BUFFER.input, offset: place.offset.input },
      ],
      shape.inChannels * transformCost(shape, block) / Math.min(channels, outChannels) +
        multiplyCost(shape, block),
      ([, , channels = 1]) => fusedProgram(shape, terms, channels),
      programKey("convolve", shape, terms),
    );
  });
}

/** The axis of the output channels of a group; a block of them is whole panels. */
function channelAxis({ shape }: Layout, count: number, block: number): TileAxis {
  return {
    count,
    block,
    steps: steps({
      weight: panelPitch(shape) / shape.tile.panel,
      bias: FLOAT_BYTES,
      output: shape.output.channelPitch,
    }),
  };
}

type Parameter = (typeof FUSED_PARAMETERS)[number];

/** The steps of the multiplying programs' arguments; what is added moves as the output does. */
function steps(bytes: Partial<Record<Parameter, number>>): number[] {
  return FUSED_PARAMETERS.map((name) => bytes[name === "add" ? "output" : name] ?? 0);
}

/** The multiplying programs' arguments from the weights on to what is added. */
function multiplyBases({ weightStart }: Layout, scratch: Scratch, output: number): TileBase[] {
  return [
    { buffer: BUFFER.packedWeight, offset: weightStart },
    { buffer: BUFFER.bias, offset: 0 },
    { buffer: BUFFER.scratch, offset: scratch.products, threadStep: scratch.bytes },
    { buffer: BUFFER.output, offset: output },
    { buffer: BUFFER.add, offset: output },
  ];
}

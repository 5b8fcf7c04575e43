/**
 * Plans the gradient of weights. Where Winograd's algorithm does not take less, the input is packed if it is padded,
 * and the output's gradient if output channels are in the lanes; then one set of tiles, over all pixels or over parts
 * of them that are added up at the end.
 *
 * What is planned is the convolution that the gradient is, of which `convolution/adjoint.ts` says how it and the
 * convolution whose weights it is for are exchanged.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Phase } from "../../engine/work.ts";
import { weightGradientGeometry } from "../../convolution/adjoint.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { product, range } from "../../base/numbers.ts";
import { collapse } from "../collapse.ts";
import { listTerms } from "../common/terms.ts";
import { tuned } from "../common/tuning.ts";
import { competesForCache, padInput, PLAIN_LAYOUT } from "../packing/input.ts";
import { channelMajorLayout, type PaddedLayout, rowMajorLayout } from "../packing/padded.ts";
import { packedAxes, packedView, plainView } from "../packing/view.ts";
import { PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { channelLanesKernel, panelChannels } from "./channels.ts";
import { collectPhase } from "./collect.ts";
import { chooseLanes, columnOrder, type GradientLanes } from "./lanes.ts";
import { panelElements, panelPhase } from "./panels.ts";
import { pixelLanesKernel } from "./pixels.ts";
import {
  type GradientShape,
  MOST_COLUMNS,
  PARAMETERS,
  PIXEL_AXES,
  type PixelBox,
  productsOf,
  tapsOf,
} from "./shape.ts";
import { groupSteps, scratchBytes, type TileMaker, tileProgram } from "./tile.ts";
import { type Tiling, tilingOf } from "./tiling.ts";
import { chooseTiles } from "./winograd/choice.ts";
import { planWinogradGradient } from "./winograd/plan.ts";

/** Plans the gradient of a convolution's weights. */
export function planWeightGradient(problem: Problem): PlanBody {
  const g = collapse(weightGradientGeometry(problem.geometry));
  const tiles = chooseTiles(problem, g);
  return tiles === null
    ? planGradientLanes(problem, chooseLanes(g, problem.target))
    : planWinogradGradient(problem, g, tiles);
}

/** The same with what fills the lanes given. */
export function planGradientLanes(problem: Problem, lanes: GradientLanes): PlanBody {
  const { target } = problem;
  const g = collapse(weightGradientGeometry(problem.geometry));
  const layout = packedLayout(g, target, lanes);
  const shape = shapeOf(g, target, lanes, layout);
  const planes = {
    items: g.batch,
    groups: g.groups,
    channels: shape.outChannels,
    pixels: product(g.output),
    panel: panelChannels(target, g.kernel),
  };
  const isPacked = lanes === "channels";
  const kernel = isPacked ? channelLanesKernel(shape) : pixelLanesKernel(shape, g.outChannels);
  const tiling = tilingOf(shape, kernel, g.groups);
  const maker: TileMaker = { shape, kernel, chunk: tiling.chunk, result: tiling.result };
  const phases: Phase[] = [];
  if (layout !== null) phases.push(padInput({ ...problem, geometry: g }, layout));
  if (isPacked) phases.push(panelPhase(target, planes));
  phases.push(tilePhase(maker, tiling, g.groups, {
    input: layout === null ? BUFFER.input : BUFFER.padded,
    gradient: isPacked ? BUFFER.packedWeight : BUFFER.weight,
  }));
  if (tiling.result === "part") {
    phases.push(
      collectPhase(shape, kernel, g.groups, PIXEL_AXES.map((axis) => tiling.parts[axis])),
    );
  }
  return {
    family: "weight-gradient",
    inputLayout: layout?.name ?? PLAIN_LAYOUT,
    buffers: planBuffers(problem, {
      padded: layout === null ? 0 : g.batch * layout.itemPitch,
      packedWeight: isPacked ? panelElements(planes) : 0,
      partialSums: tiling.partElements,
    }, scratchBytes(maker, tiling.block)),
    preparation: [],
    phases,
  };
}

/** The layout of the packed input; `null` where it is read as it lies. */
function packedLayout(g: Geometry, target: Target, lanes: GradientLanes): PaddedLayout | null {
  const isPadded = [...g.padBegin, ...g.padEnd].some((pad) => pad > 0);
  const order = columnOrder(g, target, lanes);
  const suits = order === "in order" || g.stride[2] === 1;
  if (!isPadded && suits && !competesForCache(g)) return null;
  const axes = packedAxes(g, order);
  // A sum over taps looks at few channels at a time, one over channels at many.
  return product(g.kernel) > 1
    ? channelMajorLayout(axes, g.inChannels)
    : rowMajorLayout(axes, g.inChannels);
}

function shapeOf(
  g: Geometry,
  target: Target,
  lanes: GradientLanes,
  layout: PaddedLayout | null,
): GradientShape {
  const order = columnOrder(g, target, lanes);
  const [depth, rows, columns] = g.output;
  const input = layout === null ? plainView(g, order) : packedView(g, layout, order);
  const columnStep = g.dilation[2] * FLOAT_BYTES;
  const columnTaps = order === "in order"
    ? range(Math.min(g.kernel[2], MOST_COLUMNS)).map((tap) => tap * columnStep)
    : listTerms(input.columnTaps);
  return {
    target,
    inChannels: g.inChannels / g.groups,
    outChannels: g.outChannels / g.groups,
    kernel: g.kernel,
    pixels: { items: g.batch, depth, rows, columns },
    input,
    columnTaps,
    columnStep,
  };
}

/** What the tiles read. */
interface Sources {
  readonly input: number;
  readonly gradient: number;
}

function tilePhase(maker: TileMaker, tiling: Tiling, groups: number, sources: Sources): Phase {
  const { shape, kernel, result } = maker;
  const { block, parts } = tiling;
  const { inChannels, outChannels, pixels, input, target } = shape;
  const { walk, sumChannels, gradientStep } = kernel;
  const isPart = result === "part";
  const products = productsOf(shape);
  const scratch = scratchBytes(maker, block);
  const phase = new PhaseBuilder("weight gradient");
  const axis = (name: keyof PixelBox) => ({
    count: pixels[name],
    block: block.pixels[name],
    steps: {
      input: walk.input[name],
      gradient: walk.gradient[name],
      result: isPart ? parts[name].step / block.pixels[name] : 0,
    },
  });
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      groups: { count: groups, block: block.groups, steps: groupSteps(shape, kernel, result) },
      outChannels: {
        count: outChannels,
        block: block.outChannels,
        steps: { gradient: gradientStep, result: products * FLOAT_BYTES },
      },
      inChannels: {
        count: inChannels,
        block: block.inChannels,
        steps: {
          input: input.channelPitch,
          result: tapsOf(shape) * (isPart ? sumChannels : 1) * FLOAT_BYTES,
        },
      },
      items: axis("items"),
      depth: axis("depth"),
      rows: axis("rows"),
      columns: axis("columns"),
    },
    bases: {
      input: { buffer: sources.input, offset: 0 },
      gradient: { buffer: sources.gradient, offset: 0 },
      result: { buffer: isPart ? BUFFER.partialSums : BUFFER.output, offset: 0 },
      scratch: { buffer: BUFFER.scratch, offset: 0, threadStep: scratch },
    },
    itemCost: tapsOf(shape) / tuned(target, "multiplyAddsPerMicrosecond"),
    write: ({ groups, outChannels, inChannels, items, depth, rows, columns }) => {
      const pixels = { items, depth, rows, columns };
      return tileProgram(maker, { groups, outChannels, inChannels, pixels });
    },
  });
  return phase.build();
}

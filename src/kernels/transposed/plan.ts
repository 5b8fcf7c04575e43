/**
 * Plans a transposed convolution as `stride` phases along each axis. The outputs of one phase see the
 * same taps, so each phase is a direct convolution with a part of the kernel, stride 1, and outputs
 * `stride` apart: nothing is scattered into sums, no inserted zero is multiplied. The phases of a row may
 * be taken together, as `units.ts` describes, so that their outputs are stored side by side.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Phase } from "../../engine/work.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { fitsRegisters, phasedCycles, type PhasedShape, phasedTaps, unitSteps } from "./units.ts";
import { chooseLanes, cyclesOf, type LaneUse, type LaneWork } from "../direct/lanes.ts";
import { competesForCache, layoutOf, padInput, PLAIN_LAYOUT } from "../packing/input.ts";
import { channelMajorLayout, type PaddedLayout } from "../packing/padded.ts";
import type { PadAxis } from "../../convolution/padding.ts";
import { least, product } from "../../base/numbers.ts";
import { addPanelPacking, panelElements, type WeightLayout } from "../direct/panels.ts";
import { type KernelSpace, unitSpaces } from "./unit_blocks.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";
import { type AxisPhase, axisPhases } from "../../convolution/residues.ts";
import type { RowShape } from "../rows/shape.ts";
import { addTiles, type TileSpace } from "../rows/tiles.ts";
import { rowKernel } from "../direct/kernels.ts";
import { PhaseBuilder } from "../phase_builder.ts";
import { addWeightPacking } from "./weights.ts";

/** Plans a transposed convolution whose axes have been collapsed. */
export function planTransposed(request: Problem): PlanBody {
  const { geometry: g, target } = request;
  const axes = [axisPhases(g, 0), axisPhases(g, 1), axisPhases(g, 2)] as const;
  const depth = seenPositions(axes[0], g.input[0]);
  const height = seenPositions(axes[1], g.input[1]);
  const width = seenPositions(axes[2], g.input[2]);
  const outside = [depth, height, width].some(({ first, count }, axis) =>
    first < 0 || first + count > (g.input[axis] ?? 0)
  );
  const packed = outside || competesForCache(g);
  const whole = (size: number): PadAxis => ({ count: size, step: 1, first: 0 });
  const seen: SeenAxes = packed
    ? [depth, height, width]
    : [whole(g.input[0]), whole(g.input[1]), whole(g.input[2])];
  const pads = { depth: seen[0], height: seen[1], columns: [seen[2]] };
  const layout = packed ? layoutOf(pads, g) : channelMajorLayout(pads, g.inChannels);
  const parts = axes[0].flatMap((depth) =>
    axes[1].flatMap((height) => {
      return partsOf({ request, layout, packed, seen, depth, height, widths: axes[2] });
    })
  );

  const spaces = parts.map(spacesOf);
  const scratchBytes = spaces.flat()
    .reduce((most, { kernel }) => Math.max(most, kernel.scratchBytes), 0);
  const tiles = new PhaseBuilder("convolve");
  const pack = new PhaseBuilder("pack weights");
  let packedElements = 0;
  parts.forEach(({ lanes, weightTaps }, index) => {
    const weights = weightLayout(g, weightTaps);
    const weight = { buffer: BUFFER.packedWeight, offset: packedElements * FLOAT_BYTES };
    for (const { space, kernel } of spaces[index] ?? []) {
      addTiles(tiles, space, kernel, { weight, scratchBytes });
    }
    if (lanes === "channels") {
      addPanelPacking(pack, target, weights, packedElements);
      packedElements += panelElements(target, weights);
    } else {
      addWeightPacking(pack, request, weightTaps, packedElements);
      packedElements += g.outChannels * weights.inChannels * weightTaps.length;
    }
  });

  const phases: Phase[] = packed ? [padInput(request, layout)] : [];
  phases.push(tiles.build());
  const paddedElements = packed ? g.batch * layout.itemPitch : 0;
  return {
    family: "direct",
    inputLayout: packed ? layout.name : PLAIN_LAYOUT,
    buffers: planBuffers(
      request,
      { padded: paddedElements, packedWeight: packedElements },
      scratchBytes,
    ),
    preparation: packedElements > 0 ? [pack.build()] : [],
    phases,
  };
}

/** The input positions that the packed input holds. */
type SeenAxes = readonly [PadAxis, PadAxis, PadAxis];

/** The outputs of one phase along depth and height: rows of all column phases. */
interface RowPhases {
  readonly request: Problem;
  readonly layout: PaddedLayout;
  readonly packed: boolean;
  readonly seen: SeenAxes;
  readonly depth: AxisPhase;
  readonly height: AxisPhase;
  readonly widths: readonly AxisPhase[];
}

/** Some outputs, and how they are computed. */
interface Part {
  readonly space: TileSpace;
  /** What fills the lanes; the weights are packed for it. */
  readonly lanes: LaneUse;
  /** The shape once more where column phases are taken together. */
  readonly phased: PhasedShape | null;
  /** Positions of their taps in a kernel, in the order of the packed weights. */
  readonly weightTaps: readonly number[];
  /** What they take, about. */
  readonly cycles: number;
}

function spacesOf({ space, lanes, phased }: Part): KernelSpace[] {
  return phased === null ? [{ space, kernel: rowKernel(space, lanes) }] : unitSpaces(space, phased);
}

/** All column phases together, or each by itself, by what takes less. */
function partsOf(rows: RowPhases): Part[] {
  const apart = rows.widths.map((width) => columnPhase(rows, width));
  const together = allColumnPhases(rows);
  if (together === null) return apart;
  // In WebAssembly a scattered vector is stored lane by lane: anything is faster.
  if (!rows.request.target.cheapBroadcast) return [together];
  const cycles = apart.reduce((sum, part) => sum + part.cycles, 0);
  return together.cycles < cycles ? [together] : apart;
}

/** One column phase by itself: its outputs lie `stride` elements apart. */
function columnPhase(rows: RowPhases, width: AxisPhase): Part {
  const { request: { geometry: g, target }, depth, height } = rows;
  const offsets = inputOffsets(rows, width.inputs);
  const first = offsets.length === 0 ? 0 : least(offsets);
  const pixelStep = g.stride[2] * FLOAT_BYTES;
  const shape = shapeOf(rows, pixelStep, offsets.map((offset) => offset - first));
  const { inChannels, outChannels, outputChannelPitch: channelPitch } = shape;
  const work: LaneWork = {
    target,
    inChannels,
    outChannels,
    taps: offsets.length,
    rows: depth.count * height.count,
    columns: width.count,
    pixelStep,
    channelPitch,
    // The same copy serves both.
    copies: { pixels: 0, channels: 0 },
  };
  const lanes = chooseLanes(work);
  return {
    space: spaceOf(rows, shape, { first, start: width.start, columns: width.count }),
    lanes,
    phased: null,
    weightTaps: kernelPositions(rows, width.taps),
    cycles: cyclesOf(work, lanes),
  };
}

/** All column phases together; `null` where registers have no room for them. */
function allColumnPhases(rows: RowPhases): Part | null {
  const { request: { geometry: g, target }, depth, height, widths } = rows;
  const phases = g.stride[2];
  if (phases === 1 || widths.length < phases || !fitsRegisters(target, phases)) return null;
  const steps = unitSteps(widths);
  const offsets = inputOffsets(rows, steps.map(({ input }) => input));
  const first = offsets.length === 0 ? 0 : least(offsets);
  const kernelRows = offsets.filter((_, i) => i % steps.length === 0);
  const firstOfRow = least(steps.map(({ input }) => input));
  const row = {
    kernelRows: kernelRows.map((offset) => offset - first),
    steps: steps.map(({ input, uses }) => ({
      offset: (input - firstOfRow) * FLOAT_BYTES,
      phases: uses.map(({ phase }) => phase),
    })),
  };
  const units = Math.ceil(g.output[2] / phases);
  const shape: PhasedShape = {
    ...shapeOf(rows, phases * FLOAT_BYTES, phasedTaps(row.kernelRows, row.steps)),
    ...row,
    phases,
    missing: units * phases - g.output[2],
  };
  const taps = steps.flatMap(({ uses }) => uses.map(({ tap }) => tap));
  return {
    space: spaceOf(rows, shape, { first, start: 0, columns: units }),
    lanes: "pixels",
    phased: shape,
    weightTaps: kernelPositions(rows, taps),
    cycles: phasedCycles(shape, depth.count * height.count, units),
  };
}

/** Where each tap of a kernel first reads the packed input, in its order; may begin outside. */
function inputOffsets(
  { layout, seen, depth, height }: RowPhases,
  columns: readonly number[],
): number[] {
  return depth.inputs.flatMap((i) =>
    height.inputs.flatMap((j) =>
      columns.map((k) =>
        FLOAT_BYTES * ((i - seen[0].first) * layout.planePitch +
          (j - seen[1].first) * layout.rowPitch + (k - seen[2].first))
      )
    )
  );
}

/** Positions in a kernel of some taps of its rows. */
function kernelPositions(
  { request: { geometry: g }, depth, height }: RowPhases,
  columns: readonly number[],
): number[] {
  return depth.taps.flatMap((kd) =>
    height.taps.flatMap((kh) => columns.map((kw) => (kd * g.kernel[1] + kh) * g.kernel[2] + kw))
  );
}

function shapeOf(
  { request: { geometry: g, target, hasBias, epilogue }, layout }: RowPhases,
  pixelStep: number,
  taps: readonly number[],
): RowShape & Pick<PhasedShape, "taps"> {
  const [outDepth, outHeight, outWidth] = g.output;
  const outRow = outWidth * FLOAT_BYTES;
  return {
    target,
    inChannels: g.inChannels / g.groups,
    outChannels: g.outChannels / g.groups,
    taps,
    hasBias,
    epilogue,
    channelPitch: layout.channelPitch * FLOAT_BYTES,
    rowStep: layout.rowPitch * FLOAT_BYTES,
    inputPixelStep: FLOAT_BYTES,
    pixelStep,
    outputRowStep: g.stride[1] * outRow,
    outputChannelPitch: outDepth * outHeight * outRow,
  };
}

/** What a part's tiles cover of a row. */
interface Columns {
  /** Input bytes from the buffer's start to what they see first. */
  readonly first: number;
  /** The first output of the row, and how many pixels, or units of them, there are. */
  readonly start: number;
  readonly columns: number;
}

function spaceOf(
  { request: { geometry: g }, layout, packed, depth, height }: RowPhases,
  shape: RowShape,
  { first, start, columns }: Columns,
): TileSpace {
  const [, outHeight, outWidth] = g.output;
  const outRow = outWidth * FLOAT_BYTES;
  const outPlane = outHeight * outRow;
  return {
    shape,
    batch: g.batch,
    groups: g.groups,
    depth: depth.count,
    rows: height.count,
    columns,
    inputBatchPitch: layout.itemPitch * FLOAT_BYTES,
    inputDepthStep: layout.planePitch * FLOAT_BYTES,
    outputBatchPitch: g.outChannels * shape.outputChannelPitch,
    outputDepthStep: g.stride[0] * outPlane,
    input: { buffer: packed ? BUFFER.padded : BUFFER.input, offset: first },
    outputOffset: depth.start * outPlane + height.start * outRow + start * FLOAT_BYTES,
  };
}

/** Weights of some taps as `torch.nn` has them: `[group][input channel][output channel][tap]`. */
function weightLayout(g: Geometry, taps: readonly number[]): WeightLayout {
  const kernel = product(g.kernel);
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  return {
    groups: g.groups,
    inChannels,
    outChannels,
    groupPitch: inChannels * outChannels * kernel,
    inChannelPitch: outChannels * kernel,
    outChannelPitch: kernel,
    taps,
  };
}

/** The input positions that some output sees through some tap, inside the input or not. */
function seenPositions(phases: readonly AxisPhase[], size: number): PadAxis {
  const seen = phases.filter(({ inputs }) => inputs.length > 0);
  const first = least(seen.map(({ inputs }) => least(inputs)));
  const last = -least(
    seen.flatMap(({ inputs, count }) => inputs.map((input) => 1 - input - count)),
  );
  if (seen.length === 0) return { count: size, step: 1, first: 0 };
  return { count: last - first + 1, step: 1, first };
}

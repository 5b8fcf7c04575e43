/**
 * Plans a transposed convolution as `stride` phases along each axis. The outputs of one phase see the
 * same taps, so each phase is a direct convolution with a part of the kernel, stride 1, and outputs
 * `stride` apart: nothing is scattered into sums, no inserted zero is multiplied.
 *
 * Output position `o` sees input `i` through tap `k` where `o + padBegin = i * stride + k * dilation`.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../codegen/program.ts";
import type { Phase } from "../engine/work.ts";
import type { Geometry } from "../geometry.ts";
import { planBuffers } from "./buffers.ts";
import type { DirectShape } from "./direct.ts";
import { chooseLanes } from "./lane_choice.ts";
import { competesForCache, layoutOf, padInput, PLAIN_LAYOUT } from "./packing.ts";
import { channelMajorLayout, type PadAxis } from "./pad.ts";
import { product, range } from "./numbers.ts";
import { addPanelPacking, panelElements, type WeightLayout } from "./panels.ts";
import { BUFFER, type Family, type PlanBody, type PlanRequest } from "./plan.ts";
import { writeReduction } from "./reduction.ts";
import { addTiles, familyOf, scratchBytes } from "./tile_phase.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "./tiles.ts";

/** The outputs of one remainder of the stride along one axis. */
interface AxisPhase {
  /** The first output, and how many there are, `stride` apart. */
  readonly start: number;
  readonly count: number;
  /** Kernel taps that reach them, ascending. */
  readonly taps: readonly number[];
  /** For each tap, the input position that the first output sees; may lie outside the input. */
  readonly inputs: readonly number[];
}

/** The non-empty phases of one axis. */
export function axisPhases(g: Geometry, axis: 0 | 1 | 2): AxisPhase[] {
  const stride = g.stride[axis];
  const dilation = g.dilation[axis];
  const padBegin = g.padBegin[axis];
  const output = g.output[axis];
  return range(Math.min(stride, output)).map((start) => {
    const count = Math.ceil((output - start) / stride);
    const inputOf = (tap: number) => (start + padBegin - tap * dilation) / stride;
    // A tap that meets the input at no output of the phase is left out.
    const taps = range(g.kernel[axis]).filter((tap) => {
      const input = inputOf(tap);
      return Number.isInteger(input) && input + count > 0 && input < g.input[axis];
    });
    return { start, count, taps, inputs: taps.map(inputOf) };
  });
}

/** Plans a transposed convolution whose axes have been collapsed. */
export function planTransposed(request: PlanRequest): PlanBody {
  const { geometry: g, hasBias, epilogue, target } = request;
  const axes = [axisPhases(g, 0), axisPhases(g, 1), axisPhases(g, 2)] as const;
  const depth = seenPositions(axes[0], g.input[0]);
  const height = seenPositions(axes[1], g.input[1]);
  const width = seenPositions(axes[2], g.input[2]);
  const outside = [depth, height, width].some(({ first, count }, axis) =>
    first < 0 || first + count > (g.input[axis] ?? 0)
  );
  const packed = outside || competesForCache(g);
  const whole = (size: number): PadAxis => ({ count: size, step: 1, first: 0 });
  const [seenDepth, seenHeight, seenWidth] = packed
    ? [depth, height, width]
    : [whole(g.input[0]), whole(g.input[1]), whole(g.input[2])];
  const pads = { depth: seenDepth, height: seenHeight, columns: [seenWidth] };
  const layout = packed ? layoutOf(pads, g) : channelMajorLayout(pads, g.inChannels);
  const row = layout.rowPitch * FLOAT_BYTES;
  const plane = layout.planePitch * FLOAT_BYTES;
  const [outDepth, outHeight, outWidth] = g.output;
  const outRow = outWidth * FLOAT_BYTES;
  const outPlane = outHeight * outRow;
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;

  // Phases may differ in what fills the lanes.
  const scratch = target.cheapBroadcast
    ? Math.max(
      scratchBytes({ target, outChannels }, "pixels"),
      scratchBytes({ target, outChannels }, "channels"),
    )
    : scratchBytes({ target, outChannels }, "pixels");

  const tiles = new PhaseBuilder("convolve");
  const pack = new PhaseBuilder("pack weights");
  let packedElements = 0;
  let family: Family = "direct";
  for (const d of axes[0]) {
    for (const h of axes[1]) {
      for (const w of axes[2]) {
        const byteOffset = (i: number, j: number, k: number) =>
          (i - seenDepth.first) * plane + (j - seenHeight.first) * row +
          (k - seenWidth.first) * FLOAT_BYTES;
        const offsets = d.inputs.flatMap((i) =>
          h.inputs.flatMap((j) => w.inputs.map((k) => byteOffset(i, j, k)))
        );
        const first = offsets.length === 0 ? 0 : least(offsets);
        const shape: DirectShape = {
          target,
          inChannels,
          outChannels,
          taps: offsets.map((offset) => offset - first),
          hasBias,
          epilogue,
          channelPitch: layout.channelPitch * FLOAT_BYTES,
          rowStep: row,
          inputPixelStep: FLOAT_BYTES,
          pixelStep: g.stride[2] * FLOAT_BYTES,
          outputRowStep: g.stride[1] * outRow,
          outputChannelPitch: outDepth * outPlane,
        };
        family = familyOf(shape);
        const weightTaps = d.taps.flatMap((kd) =>
          h.taps.flatMap((kh) => w.taps.map((kw) => (kd * g.kernel[1] + kh) * g.kernel[2] + kw))
        );
        const lanes = chooseLanes({
          target,
          inChannels,
          outChannels,
          taps: weightTaps.length,
          rows: d.count * h.count,
          columns: w.count,
          pixelStep: g.stride[2] * FLOAT_BYTES,
          channelPitch: outDepth * outPlane,
          // The same copy serves both.
          copies: { pixels: 0, channels: 0 },
        });
        const weights = weightLayout(g, weightTaps);
        if (lanes === "channels") addPanelPacking(pack, target, weights, packedElements);
        else addWeightPacking(pack, request, weightTaps, packedElements);
        addTiles(tiles, {
          shape,
          lanes,
          batch: g.batch,
          groups: g.groups,
          depth: d.count,
          rows: h.count,
          columns: w.count,
          inputBatchPitch: layout.itemPitch * FLOAT_BYTES,
          inputDepthStep: plane,
          outputBatchPitch: g.outChannels * shape.outputChannelPitch,
          outputDepthStep: g.stride[0] * outPlane,
          input: { buffer: packed ? BUFFER.padded : BUFFER.input, offset: first },
          weight: { buffer: BUFFER.packedWeight, offset: packedElements * FLOAT_BYTES },
          outputOffset: d.start * outPlane + h.start * outRow + w.start * FLOAT_BYTES,
          scratchBytes: scratch,
        });
        packedElements += lanes === "channels"
          ? panelElements(target, weights)
          : g.outChannels * inChannels * weightTaps.length;
      }
    }
  }

  const phases: Phase[] = packed ? [padInput(request, layout)] : [];
  phases.push(tiles.build());
  const paddedElements = packed ? g.batch * layout.itemPitch : 0;
  return {
    family,
    inputLayout: packed ? layout.name : PLAIN_LAYOUT,
    buffers: planBuffers(
      request,
      paddedElements,
      packedElements,
      scratch,
    ),
    preparation: packedElements > 0 ? [pack.build()] : [],
    phases,
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

/** Weights that one tile of the packing phase copies. */
const PACK_TILE_ELEMENTS = 16 * 1024;

/**
 * Packs the weights of one phase, from `[ic][oc][tap]` to `[oc][ic][phase tap]` in every group.
 *
 * @param taps Positions of the phase's taps in a kernel.
 * @param start Where the phase begins in the packed weights, in elements.
 */
function addWeightPacking(
  pack: PhaseBuilder,
  { geometry: g, target }: PlanRequest,
  taps: readonly number[],
  start: number,
): void {
  const [first] = taps;
  if (first === undefined) return;
  const inChannels = g.inChannels / g.groups;
  const outChannels = g.outChannels / g.groups;
  const kernel = product(g.kernel) * FLOAT_BYTES;
  const source = range(inChannels).flatMap((ic) =>
    taps.map((tap) => ic * outChannels * kernel + (tap - first) * FLOAT_BYTES)
  );
  const packedPitch = source.length * FLOAT_BYTES;
  const block = Math.max(1, Math.min(outChannels, Math.floor(PACK_TILE_ELEMENTS / source.length)));
  pack.add(
    [
      {
        count: g.groups,
        block: 1,
        steps: [inChannels * outChannels * kernel, outChannels * packedPitch],
      },
      { count: outChannels, block, steps: [kernel, packedPitch] },
    ],
    [
      { buffer: BUFFER.weight, offset: first * FLOAT_BYTES },
      { buffer: BUFFER.packedWeight, offset: start * FLOAT_BYTES },
    ],
    source.length / COPIES_PER_MICROSECOND,
    ([, channels = 1]) => packProgram(source, kernel, channels, target.lanes),
    // Phases whose taps are equally far apart share their programs.
    JSON.stringify(taps.map((tap) => tap - first)),
  );
}

/** Gathers the weights at `source` for each of `channels` output channels, `kernel` bytes apart. */
function packProgram(
  source: readonly number[],
  kernel: number,
  channels: number,
  lanes: number,
): Program {
  const code = new ProgramBuilder(`pack weights ${channels}oc x ${source.length}`, lanes, 2);
  const [from, to] = [0, 1];
  code.loop(channels, () => {
    writeReduction(code, from, to, source, (offsets) => {
      for (let i = 0; i < offsets.length; i += lanes) {
        const value = code.register();
        const group = offsets.slice(i, i + lanes);
        code.gather(value, from, group);
        code.store(value, to, i * FLOAT_BYTES, group.length);
      }
    });
    code.advance(from, kernel);
  });
  return code.build();
}

/** Unlike `Math.min(...values)`, of any number of values. */
function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

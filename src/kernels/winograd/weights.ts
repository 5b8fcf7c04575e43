/**
 * The transform of the weights.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
import { indicesOf } from "../../base/indices.ts";
import type { ProductTile } from "./product.ts";
import { isStaged, RegisterStage, ScratchStage } from "./stage.ts";
import {
  type AxisTransform,
  type Constants,
  constantsOf,
  kernelConstants,
  kernelScales,
  transformKernel,
} from "./transform.ts";

const PARAMETERS = ["weight", "result", "stage"] as const;
const { weight: WEIGHT, result: RESULT, stage: STAGE } = indicesOf(PARAMETERS);

/** The weights of one convolution of one group. Pitches are in bytes. */
export interface WinogradWeights {
  readonly target: Target;
  readonly tile: ProductTile;
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  /** Kernels of an output channel: terms by input channels of a group by depth taps. */
  readonly reduction: number;
  /** From the weights of one output channel to the next, and from one of its kernels to the next. */
  readonly channelPitch: number;
  readonly kernelPitch: number;
  /** For each row and column of the taps of a term, bytes from the kernel's first weight; `null` for zero. */
  readonly taps: readonly (readonly (number | null)[])[];
  /** Transformed bytes from one position to the next. */
  readonly positionPitch: number;
}

/** What the transforms themselves depend on. */
type WeightTransforms = Pick<WinogradWeights, "target" | "height" | "width">;

/** Whether {@linkcode weightProgram} needs a stage in memory, a vector for every position at most. */
export function isWeightStaged({ target, height, width }: WeightTransforms): boolean {
  const constants = [height, width].flatMap(kernelConstants);
  return isStaged(target, height.inputs * width.inputs, constants);
}

/** The pointer parameters of {@linkcode weightProgram}. */
export function weightParameters(shape: WeightTransforms) {
  return PARAMETERS.filter((name) => name !== "stage" || isWeightStaged(shape));
}

/** Transforms `kernels` kernels each of some panels of output channels, the last of which may have fewer. */
export function weightProgram(
  shape: WinogradWeights,
  outChannels: number,
  kernels: number,
): Program {
  const { target, tile, height, width, reduction, channelPitch } = shape;
  const { lanes } = target;
  const code = new ProgramBuilder(
    `winograd weights ${outChannels}oc x ${kernels} of ${reduction}`,
    lanes,
    weightParameters(shape),
  );
  const constants = constantsOf(code, target, [height, width].flatMap(kernelConstants));
  const channelSteps = [[WEIGHT, channelPitch], [RESULT, reduction * FLOAT_BYTES]] as const;
  const partSteps = [[WEIGHT, lanes * channelPitch], [RESULT, lanes * FLOAT_BYTES]] as const;
  const kernelSteps = [[WEIGHT, shape.kernelPitch], [RESULT, tile.panel * FLOAT_BYTES]] as const;
  const writePanel = (channels: number) => {
    for (let first = 0; first < channels; first += lanes) {
      const count = Math.min(lanes, channels - first);
      code.displaced(partSteps, first / lanes, () => {
        code.sweep(kernels, kernelSteps, () => writeKernels(code, shape, constants, count));
      });
    }
  };
  code.blocks(outChannels, tile.panel, channelSteps, writePanel);
  return code.build();
}

/** The kernels of some output channels that see the same input channel and depth tap. */
function writeKernels(
  code: ProgramBuilder,
  shape: WinogradWeights,
  constants: Constants,
  channels: number,
): void {
  const { target: { lanes }, height, width, tile, channelPitch, taps, positionPitch } = shape;
  // Behind a panel of whole vectors nothing is overwritten.
  const stored = tile.panel % lanes === 0 ? lanes : channels;
  const inMemory = isWeightStaged(shape);
  const stage = inMemory ? new ScratchStage(code, STAGE, width.inputs) : new RegisterStage();
  const readRow = (row: readonly (number | null)[]): Register[] =>
    row.map((tap) => {
      const value = code.register();
      if (tap === null) code.zero(value);
      else code.gather(value, WEIGHT, range(channels).map((lane) => lane * channelPitch + tap));
      return value;
    });
  // With a stage in memory there is no room for more than a row.
  const rows = inMemory ? [] : taps.map(readRow);
  taps.forEach((row, i) => {
    transformKernel(code, constants, width, rows[i] ?? readRow(row))
      .forEach((value, j) => stage.put(i, j, value));
  });
  const [down, along] = [kernelScales(height), kernelScales(width)];
  for (const j of range(width.inputs)) {
    const values = range(height.taps).map((i) => stage.get(i, j));
    transformKernel(code, constants, height, values).forEach((value, i) => {
      const scaled = scale(code, value, (down[i] ?? 1) * (along[j] ?? 1));
      code.store(scaled, RESULT, (i * width.inputs + j) * positionPitch, stored);
    });
  }
}

/** A register times a constant, which is set there: so many would not find registers. */
function scale(code: ProgramBuilder, value: Register, factor: number): Register {
  if (factor === 1) return value;
  const result = code.register();
  code.constant(result, factor);
  code.mul(result, result, value);
  return result;
}

/**
 * The transform of the weights.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type Program,
  ProgramBuilder,
  type Register,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
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

const WEIGHT: Pointer = 0;
const RESULT: Pointer = 1;
const STAGE: Pointer = 2;

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

/** Whether {@linkcode weightProgram} needs a stage in memory, a vector for every position at most. */
export function isWeightStaged(
  { target, height, width }: Pick<WinogradWeights, "target" | "height" | "width">,
): boolean {
  const constants = [height, width].flatMap(kernelConstants);
  return isStaged(target, height.inputs * width.inputs, constants);
}

/**
 * Transforms `kernels` kernels each of some panels of output channels, the last of which may have fewer;
 * parameters are the weights, the result and, where {@linkcode isWeightStaged} says so, the stage.
 */
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
    isWeightStaged(shape) ? 3 : 2,
  );
  const constants = constantsOf(code, target, [height, width].flatMap(kernelConstants));
  const panelSteps = [
    [WEIGHT, tile.panel * channelPitch],
    [RESULT, tile.panel * reduction * FLOAT_BYTES],
  ] as const;
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
  const full = Math.floor(outChannels / tile.panel);
  code.sweep(full, panelSteps, () => writePanel(tile.panel));
  if (outChannels % tile.panel > 0) {
    code.displaced(panelSteps, full, () => writePanel(outChannels % tile.panel));
  }
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

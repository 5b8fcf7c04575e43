/**
 * From the sums of products to those of taps, with output channels in the lanes.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
} from "../../../codegen/program.ts";
import { range } from "../../../base/numbers.ts";
import { isStaged, RegisterStage, ScratchStage } from "../../winograd/stage.ts";
import {
  type AxisTransform,
  constantsOf,
  kernelScales,
  outputConstants,
  outputDivisor,
  setConstant,
  transformOutput,
} from "../../winograd/transform.ts";
import type { WinogradGradient } from "./shape.ts";

/** Whether {@linkcode writeTaps} needs a stage in memory. */
function isTapsStaged({ sums: { target }, height, width }: WinogradGradient): boolean {
  return isStaged(target, height.outputs * width.inputs, [height, width].flatMap(outputConstants));
}

/** Bytes of that. */
export function tapsStageBytes(gradient: WinogradGradient): number {
  const { sums: { target }, height, width } = gradient;
  return isTapsStaged(gradient) ? height.outputs * width.inputs * target.lanes * FLOAT_BYTES : 0;
}

/** Where the sums are. */
export interface TapsPointers {
  /** Those of products, and bytes from one position to the next. */
  readonly products: Pointer;
  readonly positionPitch: number;
  readonly taps: Pointer;
  readonly stage: Pointer;
}

/** Transforms the sums of `count` products of an input channel with a panel. The pointers are left as they were. */
export function writeTaps(
  code: ProgramBuilder,
  gradient: WinogradGradient,
  { products, positionPitch, taps, stage: memory }: TapsPointers,
  count: number,
): void {
  const { height, width, sums: { target }, result: { sumChannels } } = gradient;
  const constants = constantsOf(code, target, [height, width].flatMap(outputConstants));
  const stage = isTapsStaged(gradient)
    ? new ScratchStage(code, memory, width.inputs)
    : new RegisterStage();
  const [down, along] = [scalesOf(height), scalesOf(width)];
  const panelBytes = sumChannels * FLOAT_BYTES;
  const vectorBytes = target.lanes * FLOAT_BYTES;
  const perProduct = [
    [products, panelBytes],
    [taps, height.outputs * width.outputs * panelBytes],
  ] as const;
  const perVector = [[products, vectorBytes], [taps, vectorBytes]] as const;
  code.sweep(count, perProduct, () => {
    code.sweep(sumChannels / target.lanes, perVector, () => {
      for (const j of range(width.inputs)) {
        const values = range(height.inputs).map((i) => {
          const value = code.register();
          code.load(value, products, (i * width.inputs + j) * positionPitch);
          return scaled(code, value, (down[i] ?? 1) * (along[j] ?? 1));
        });
        transformOutput(code, constants, height, values)
          .forEach((value, i) => stage.put(i, j, value));
      }
      for (const i of range(height.outputs)) {
        const values = range(width.inputs).map((j) => stage.get(i, j));
        transformOutput(code, constants, width, values).forEach((value, j) => {
          code.store(value, taps, (i * width.outputs + j) * panelBytes);
        });
      }
    });
  });
}

/** What the products of an axis are multiplied by: neither the input's transform nor the gradient's has done so. */
function scalesOf(transform: AxisTransform): number[] {
  const divisor = outputDivisor(transform);
  return kernelScales(transform).map((scale) => scale / divisor);
}

function scaled(code: ProgramBuilder, value: Register, factor: number): Register {
  if (factor !== 1) code.mul(value, value, setConstant(code, factor));
  return value;
}

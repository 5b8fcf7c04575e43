/**
 * The transform of the products into outputs, a vector of tiles of a row at a time.
 *
 * @module
 */

import {
  FLOAT_BYTES,
  type Pointer,
  type ProgramBuilder,
  type Register,
  type Steps,
} from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { type Pixels, writeOutput } from "../common/store.ts";
import { interleave } from "../common/interleave.ts";
import { range } from "../../base/numbers.ts";
import { cut } from "../common/spans.ts";
import type { WinogradBlock, WinogradShape } from "./shape.ts";
import { isStaged, RegisterStage, ScratchStage } from "./stage.ts";
import {
  constantsOf,
  outputConstants,
  outputDivisor,
  setConstant,
  transformOutput,
} from "./transform.ts";
import { forEachSpan, tileWalk } from "../common/walk.ts";

/** Where the operands are. */
export interface OutputPointers {
  readonly products: Pointer;
  readonly bias: Pointer;
  readonly output: Pointer;
  readonly add: Pointer;
  /** Not used where {@linkcode isOutputStaged} says no. */
  readonly stage: Pointer;
}

/** Whether {@linkcode writeOutputTransform} needs a stage in memory, a vector for every position. */
export function isOutputStaged(
  { target, height, width }: Pick<WinogradShape, "target" | "height" | "width">,
): boolean {
  const constants = [height, width].flatMap(outputConstants);
  return isStaged(target, height.outputs * width.inputs, constants);
}

/**
 * Writes the transform of some output channels of a block, which is without sources. The pointers are left as
 * they were.
 */
export function writeOutputTransform(
  code: ProgramBuilder,
  shape: WinogradShape,
  { rows, columns }: WinogradBlock,
  outChannels: number,
  pointers: OutputPointers,
): void {
  const { height, width, target, products, output, epilogue } = shape;
  const { lanes } = target;
  const constants = constantsOf(code, target, [height, width].flatMap(outputConstants));
  // What is added lies in the order of the output.
  const results = epilogue.add ? [pointers.output, pointers.add] : [pointers.output];
  const steps: Steps = [
    [pointers.products, products.channelPitch],
    [pointers.bias, FLOAT_BYTES],
    ...results.map((ptr) => [ptr, output.channelPitch] as const),
  ];
  const down = [
    tileWalk(pointers.products, columns.tiles * FLOAT_BYTES),
    ...results.map((ptr) => tileWalk(ptr, height.outputs * output.rowPitch)),
  ];
  const rowRuns = cut(rows, height, 1);
  const columnRuns = cut(columns, width, lanes);
  const bias = shape.hasBias ? code.register() : null;
  const divisor = outputDivisor(height) * outputDivisor(width);
  const stage = isOutputStaged(shape)
    ? new ScratchStage(code, pointers.stage, width.inputs)
    : new RegisterStage();
  code.sweep(outChannels, steps, () => {
    if (bias !== null) code.broadcast(bias, pointers.bias);
    forEachSpan(code, rowRuns, down, (row, [rowFrom = pointers.products, ...rowResults]) => {
      const along = [
        tileWalk(rowFrom, FLOAT_BYTES),
        ...rowResults.map((ptr) => tileWalk(ptr, width.outputs * output.pixelStep)),
      ];
      forEachSpan(
        code,
        columnRuns,
        along,
        (column, [from = rowFrom, to = pointers.output, add = to]) => {
          const { positionPitch } = products;
          stage.overColumns(0, width.inputs, [[from, positionPitch]], (j) => {
            const values = range(height.inputs).map((i) => {
              const value = code.register();
              code.load(value, from, (i * width.inputs + j) * positionPitch);
              return value;
            });
            transformOutput(code, constants, height, values)
              .forEach((value, i) => stage.put(i, j, value));
          });
          const pixelRows = (epilogue.add ? [to, add] : [to])
            .map((ptr) => [ptr, output.rowPitch] as const);
          stage.overRows(0, row.outputs, pixelRows, (i) => {
            const values = range(width.inputs).map((j) => stage.get(i, j));
            const sums = transformOutput(code, constants, width, values);
            const biased = sums.map((value) => finished(code, value, divisor, bias));
            const pixels = { output: to, add, offset: i * output.rowPitch };
            writePixels(code, shape, biased, column.outputs, pixels);
          });
        },
      );
    });
  });
}

/**
 * The outputs of a row of a vector of tiles: lane `t` of vector `i` is output `m t + i`, if there are so
 * many.
 */
function writePixels(
  code: ProgramBuilder,
  { target, output: { pixelStep }, epilogue }: WinogradShape,
  vectors: readonly Register[],
  outputs: number,
  first: Pick<Pixels, "output" | "add" | "offset">,
): void {
  const { lanes } = target;
  const count = vectors.length;
  const inOrder = isStoredInOrder(target, pixelStep);
  (inOrder ? interleave(code, vectors) : vectors).forEach((vector, i) => {
    const left = inOrder ? outputs - i * lanes : Math.ceil((outputs - i) / count);
    if (left <= 0) return;
    const pixels = {
      ...first,
      offset: first.offset + (inOrder ? i * lanes : i) * pixelStep,
      pixelStep: inOrder ? pixelStep : count * pixelStep,
      lanes: Math.min(lanes, left),
    };
    writeOutput(code, vector, pixels, epilogue);
  });
}

/** The least part of a vector that one store of a scattered vector writes in machine code. */
const LEAST_STORED = 4;

/**
 * Whether vectors are stored pixel after pixel: side by side, or in windows of memory that hold enough of
 * them. Otherwise each lane is stored by itself.
 */
function isStoredInOrder({ cheapBroadcast, lanes }: Target, pixelStep: number): boolean {
  const step = pixelStep / FLOAT_BYTES;
  return step === 1 || cheapBroadcast && step * LEAST_STORED <= lanes;
}

/** What outputs are divided by; and the bias, if there is one. */
function finished(
  code: ProgramBuilder,
  value: Register,
  divisor: number,
  bias: Register | null,
): Register {
  if (divisor === 1 && bias === null) return value;
  const result = code.register();
  if (divisor === 1 && bias !== null) code.add(result, value, bias);
  else if (bias === null) code.mul(result, value, setConstant(code, 1 / divisor));
  else {
    code.copy(result, bias);
    code.fma(result, value, setConstant(code, 1 / divisor));
  }
  return result;
}

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
} from "../codegen/program.ts";
import { writeOutput } from "./epilogue.ts";
import { interleave } from "./interleave.ts";
import { range } from "./numbers.ts";
import type { WinogradBlock, WinogradShape } from "./winograd.ts";
import { cut, outputSpan } from "./spans.ts";
import { isStaged, RegisterStage, scratchStage } from "./winograd_stage.ts";
import { constantsOf, outputConstants, transformOutput } from "./winograd_transform.ts";
import { forEachSpan, tileWalk } from "./walk.ts";

/** Where the operands are; the stage where there is one. */
export interface OutputPointers {
  readonly products: Pointer;
  readonly bias: Pointer;
  readonly output: Pointer;
  readonly add: Pointer;
  readonly stage: Pointer | null;
}

/** Whether {@linkcode writeOutputTransform} needs a stage in memory, a vector for every position. */
export function isOutputStaged(
  { target, height, width }: Pick<WinogradShape, "target" | "height" | "width">,
): boolean {
  return isStaged(target, height.outputs * width.inputs);
}

/** Writes the transform of some output channels of a block. The pointers are left as they were. */
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
  const rowRuns = cut(outputSpan(rows), height, 1);
  const columnRuns = cut(outputSpan(columns), width, lanes);
  const bias = code.register();
  const stage = pointers.stage === null
    ? new RegisterStage()
    : scratchStage(code, pointers.stage, width.inputs);
  code.sweep(outChannels, steps, () => {
    if (shape.hasBias) code.broadcast(bias, pointers.bias);
    forEachSpan(code, rowRuns, down, (row, [rowFrom = pointers.products, ...rowResults]) => {
      const along = [
        tileWalk(rowFrom, FLOAT_BYTES),
        ...rowResults.map((ptr) => tileWalk(ptr, width.outputs * FLOAT_BYTES)),
      ];
      forEachSpan(
        code,
        columnRuns,
        along,
        (column, [from = rowFrom, to = pointers.output, add = to]) => {
          for (const j of range(width.inputs)) {
            const values = range(height.inputs).map((i) => {
              const value = code.register();
              code.load(value, from, (i * width.inputs + j) * products.positionPitch);
              return value;
            });
            transformOutput(code, constants, height, values)
              .forEach((value, i) => stage.put(i, j, value));
          }
          for (const i of range(row.outputs)) {
            const values = range(width.inputs).map((j) => stage.get(i, j));
            const sums = transformOutput(code, constants, width, values);
            const biased = shape.hasBias ? sums.map((value) => sum(code, value, bias)) : sums;
            interleave(code, biased).forEach((vector, k) => {
              const left = Math.min(lanes, column.outputs - k * lanes);
              if (left <= 0) return;
              const offset = i * output.rowPitch + k * lanes * FLOAT_BYTES;
              const pixels = { output: to, add, offset, pixelStep: FLOAT_BYTES, lanes: left };
              writeOutput(code, vector, pixels, epilogue);
            });
          }
        },
      );
    });
  });
}

function sum(code: ProgramBuilder, a: Register, b: Register): Register {
  const result = code.register();
  code.add(result, a, b);
  return result;
}

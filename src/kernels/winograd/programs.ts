/**
 * Winograd convolution: F(4x4, 3x3), F(2x2, 3x3), their like for kernels of 2 to 5 taps, and their
 * one-dimensional forms.
 *
 * Input and kernel are transformed tile by tile, multiplied there, position by position, summed over
 * the input channels, and transformed back (`transform.ts`). A tile of 4 x 4 outputs of a
 * 3x3 kernel takes 36 products in place of 144. The sums over channels are a matrix product for each of
 * the 36 positions (`product.ts`).
 *
 * Lanes are consecutive tiles of a row. The input is read where it lies: its padding is part of the
 * programs, which know for each vector at an edge what comes from where. Per block of tiles:
 *
 * | array | layout |
 * | --- | --- |
 * | input | as it lies |
 * | transformed input | `[position][term][input channel][tile]` |
 * | transformed weights | `[position][group][panel][term][input channel][depth tap][output channel]` |
 * | products | `[output channel][position][tile]` |
 * | stage, if there is one | `[position]`, a vector each |
 * | partial sums, if there are any | those of a register tile, a vector each |
 * | output | as it lies |
 *
 * @module
 */

import { type Program, ProgramBuilder } from "../../codegen/program.ts";
import { isInputStaged, writeInputTransform } from "./input.ts";
import { isOutputStaged, writeOutputTransform } from "./output.ts";
import { indicesOf } from "../../base/indices.ts";
import { partialBytes, writeProducts } from "./product.ts";
import {
  outputBlock,
  termBlocks,
  type TermsBlock,
  tilesOf,
  type WinogradBlock,
  type WinogradShape,
} from "./shape.ts";

const TRANSFORM = ["input", "transformed", "stage"] as const;

/** The pointer parameters of {@linkcode transformProgram}. */
export function transformParameters(shape: WinogradShape) {
  return TRANSFORM.filter((name) => name !== "stage" || isInputStaged(shape));
}

/** Transforms the input of a block for one term. */
export function transformProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  channels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd input ${channels}ic x ${blockName(shape, block)}`,
    shape.target.lanes,
    transformParameters(shape),
  );
  writeInputTransform(code, shape, block, channels, indicesOf(TRANSFORM));
  return code.build();
}

/** The pointer parameters of {@linkcode multiplyProgram}. */
export const MULTIPLY_PARAMETERS = [
  "transformed",
  "weight",
  "bias",
  "products",
  "output",
  "add",
] as const;

/** From the transformed input of a block to the output of some channels. */
export function multiplyProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): Program {
  const code = multiplyBuilder(shape, block, outChannels, MULTIPLY_PARAMETERS);
  writeOutputs(code, shape, block, outChannels);
  return code.build();
}

/** The pointer parameters of {@linkcode fusedProgram}. */
export const FUSED_PARAMETERS = [...MULTIPLY_PARAMETERS, "input"] as const;
const FUSED = indicesOf(FUSED_PARAMETERS);

/** From the input of a block to the output of some channels of a group. */
export function fusedProgram(
  shape: WinogradShape,
  terms: TermsBlock,
  outChannels: number,
): Program {
  const whole = outputBlock(terms);
  const code = multiplyBuilder(shape, whole, outChannels, FUSED_PARAMETERS);
  for (const { block, input, transformed } of termBlocks(shape, terms)) {
    writeInputTransform(code, shape, block, shape.groupChannels, {
      input: code.pointer(FUSED.input, input),
      transformed: code.pointer(FUSED.transformed, transformed),
      // There are no products yet.
      stage: FUSED.products,
    });
  }
  writeOutputs(code, shape, whole, outChannels);
  return code.build();
}

function multiplyBuilder(
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
  parameters: readonly string[],
): ProgramBuilder {
  return new ProgramBuilder(
    `winograd ${outChannels}oc x ${blockName(shape, block)}, ${shape.inChannels}ic`,
    shape.target.lanes,
    parameters,
  );
}

/** Multiplies what has been transformed, and transforms the products back. */
function writeOutputs(
  code: ProgramBuilder,
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): void {
  // Behind the products lie first partial sums, then the stage.
  const behind = code.pointer(FUSED.products, outChannels * shape.products.channelPitch);
  writeProducts(code, shape, { ...FUSED, partial: behind }, tilesOf(block), outChannels);
  writeOutputTransform(code, shape, block, outChannels, { ...FUSED, stage: behind });
}

const PRODUCTS = ["transformed", "weight", "products", "partial"] as const;

/** The pointer parameters of {@linkcode productsProgram}. */
export function productsParameters(shape: WinogradShape) {
  return PRODUCTS.filter((name) => name !== "partial" || partialBytes(shape) > 0);
}

/** From the transformed input of a block of some tiles to products of some channels at some positions. */
export function productsProgram(
  shape: WinogradShape,
  tiles: number,
  positions: number,
  outChannels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd products ${outChannels}oc x ${tiles} tiles, ${shape.inChannels}ic, ` +
      `${positions} positions`,
    shape.target.lanes,
    productsParameters(shape),
  );
  writeProducts(code, { ...shape, positions }, indicesOf(PRODUCTS), tiles, outChannels);
  return code.build();
}

const OUTPUT = ["products", "bias", "output", "add", "stage"] as const;

/** The pointer parameters of {@linkcode outputProgram}. */
export function outputParameters(shape: WinogradShape) {
  return OUTPUT.filter((name) => name !== "stage" || isOutputStaged(shape));
}

/** From the products of a block to the output of some channels. */
export function outputProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd output ${outChannels}oc x ${blockName(shape, block)}`,
    shape.target.lanes,
    outputParameters(shape),
  );
  writeOutputTransform(code, shape, block, outChannels, indicesOf(OUTPUT));
  return code.build();
}

function blockName({ height, width }: WinogradShape, { rows, columns }: WinogradBlock): string {
  return `${rows.tiles}x${columns.tiles} tiles of ${height.outputs}x${width.outputs}`;
}

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

import { type Pointer, type Program, ProgramBuilder } from "../../codegen/program.ts";
import { isInputStaged, writeInputTransform } from "./input.ts";
import { isOutputStaged, writeOutputTransform } from "./output.ts";
import { partialBytes, writeProducts } from "./product.ts";
import {
  outputBlock,
  termBlocks,
  type TermsBlock,
  tilesOf,
  type WinogradBlock,
  type WinogradShape,
} from "./shape.ts";

const TRANSFORMED: Pointer = 0;
const WEIGHT: Pointer = 1;
const BIAS: Pointer = 2;
const PRODUCTS: Pointer = 3;
const OUTPUT: Pointer = 4;
const ADD: Pointer = 5;
const RESULTS = { products: PRODUCTS, bias: BIAS, output: OUTPUT, add: ADD };
const INPUT: Pointer = 6;

/** The pointer parameters of {@linkcode multiplyProgram}, in order. */
const MULTIPLY_PARAMETERS = [
  "transformed",
  "weight",
  "bias",
  "products",
  "output",
  "add",
] as const;

/** The pointer parameters of {@linkcode fusedProgram}, in order. */
export const FUSED_PARAMETERS = [...MULTIPLY_PARAMETERS, "input"] as const;

/**
 * Transforms the input of a block for one term; parameters are the input, the transformed input and, where
 * {@linkcode isInputStaged} says so, the stage.
 */
export function transformProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  channels: number,
): Program {
  const isStaged = isInputStaged(shape);
  const code = new ProgramBuilder(
    `winograd input ${channels}ic x ${blockName(shape, block)}`,
    shape.target.lanes,
    isStaged ? 3 : 2,
  );
  const pointers = { input: 0, transformed: 1, stage: isStaged ? 2 : null };
  writeInputTransform(code, shape, block, channels, pointers);
  return code.build();
}

/** From the transformed input of a block to the output of some channels. */
export function multiplyProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): Program {
  const code = new ProgramBuilder(
    `winograd ${outChannels}oc x ${blockName(shape, block)}, ${shape.inChannels}ic`,
    shape.target.lanes,
    MULTIPLY_PARAMETERS.length,
  );
  writeOutputs(code, shape, block, outChannels);
  return code.build();
}

/** From the input of a block to the output of all channels of a group. */
export function fusedProgram(
  shape: WinogradShape,
  terms: TermsBlock,
  outChannels: number,
): Program {
  const block = outputBlock(terms);
  const code = new ProgramBuilder(
    `winograd ${outChannels}oc x ${blockName(shape, block)}, ${shape.inChannels}ic`,
    shape.target.lanes,
    FUSED_PARAMETERS.length,
  );
  // There are no products yet.
  const stage = isInputStaged(shape) ? PRODUCTS : null;
  for (const { block, input, transformed } of termBlocks(shape, terms)) {
    writeInputTransform(code, shape, block, shape.groupChannels, {
      input: code.pointer(INPUT, input),
      transformed: code.pointer(TRANSFORMED, transformed),
      stage,
    });
  }
  writeOutputs(code, shape, block, outChannels);
  return code.build();
}

/** Multiplies what has been transformed, and transforms the products back. */
function writeOutputs(
  code: ProgramBuilder,
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): void {
  // Behind the products lie first partial sums, then the stage.
  const behind = code.pointer(PRODUCTS, outChannels * shape.products.channelPitch);
  const operands = { transformed: TRANSFORMED, weight: WEIGHT, products: PRODUCTS };
  writeProducts(code, shape, { ...operands, partial: behind }, tilesOf(block), outChannels);
  const stage = isOutputStaged(shape) ? behind : null;
  writeOutputTransform(code, shape, block, outChannels, { ...RESULTS, stage });
}

/**
 * From the transformed input of a block of `tiles` tiles to products of some channels at some positions;
 * parameters are the transformed input, the weights, the products and, where there are any
 * ({@linkcode partialBytes}), the partial sums.
 */
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
    partialBytes(shape) > 0 ? 4 : 3,
  );
  const pointers = { transformed: 0, weight: 1, products: 2, partial: 3 };
  writeProducts(code, { ...shape, positions }, pointers, tiles, outChannels);
  return code.build();
}

/** The pointer parameters of {@linkcode outputProgram}, in order. */
export const OUTPUT_PARAMETERS = ["products", "bias", "output", "add"] as const;

/**
 * From the products of a block to the output of some channels; parameters are
 * {@linkcode OUTPUT_PARAMETERS} and, where {@linkcode isOutputStaged} says so, the stage.
 */
export function outputProgram(
  shape: WinogradShape,
  block: WinogradBlock,
  outChannels: number,
): Program {
  const isStaged = isOutputStaged(shape);
  const code = new ProgramBuilder(
    `winograd output ${outChannels}oc x ${blockName(shape, block)}`,
    shape.target.lanes,
    OUTPUT_PARAMETERS.length + (isStaged ? 1 : 0),
  );
  const pointers = { products: 0, bias: 1, output: 2, add: 3, stage: isStaged ? 4 : null };
  writeOutputTransform(code, shape, block, outChannels, pointers);
  return code.build();
}

function blockName({ height, width }: WinogradShape, { rows, columns }: WinogradBlock): string {
  return `${rows.tiles}x${columns.tiles} tiles of ${height.outputs}x${width.outputs}`;
}

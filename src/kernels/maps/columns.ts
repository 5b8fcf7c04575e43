/**
 * Blocks of the columns of a row of windows.
 *
 * @module
 */

import type { WindowAxis } from "./windows.ts";

/** Outputs that see some columns of the input, and of what lies outside; perhaps several times side by side. */
export interface ColumnBlock {
  /** The first output. */
  readonly start: number;
  readonly outputs: number;
  /** The first column of the input that is seen. */
  readonly first: number;
  readonly inputs: number;
  /** Columns that are seen outside, on both sides. */
  readonly before: number;
  readonly after: number;
  /** All of them. */
  readonly length: number;
  /** How often, and columns of the input from one to the next. */
  readonly blocks: number;
  readonly apart: number;
}

/** Columns that a block sees, about: they are read again soon, and lie in a first-level cache. */
const BLOCK_COLUMNS = 2048;

/** Cuts a row into blocks. */
export function columnBlocks(axis: WindowAxis): ColumnBlock[] {
  const most = Math.max(1, Math.floor(BLOCK_COLUMNS / axis.stride));
  const blocks: ColumnBlock[] = [];
  for (let start = 0; start < axis.outputs; start += most) {
    const block = blockAt(axis, start, Math.min(most, axis.outputs - start));
    const last = blocks.at(-1);
    const isAlike = last?.outputs === block.outputs && last.inputs === block.inputs &&
      last.before === block.before && last.after === block.after;
    if (last !== undefined && isAlike) {
      const apart = (block.first - last.first) / last.blocks;
      blocks[blocks.length - 1] = { ...last, blocks: last.blocks + 1, apart };
    } else blocks.push(block);
  }
  return blocks;
}

function blockAt(
  { size, taps, stride, dilation, padding: [begin] }: WindowAxis,
  start: number,
  outputs: number,
): ColumnBlock {
  const from = start * stride - begin;
  const length = (outputs - 1) * stride + (taps - 1) * dilation + 1;
  const first = Math.max(0, from);
  const inputs = Math.min(size, from + length) - first;
  const before = first - from;
  return {
    start,
    outputs,
    first,
    inputs,
    before,
    after: length - before - inputs,
    length,
    blocks: 1,
    apart: 0,
  };
}

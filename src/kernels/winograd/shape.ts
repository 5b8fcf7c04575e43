/**
 * The words of Winograd's algorithm: what is chosen, and what its programs are written for.
 *
 * @module
 */

import { FLOAT_BYTES } from "../../codegen/program.ts";
import type { Epilogue } from "../../convolution/epilogue.ts";
import { outputSpan, type TileSpan } from "../common/spans.ts";
import type { PartKernel } from "./parts.ts";
import type { ProductShape, ProductTile } from "./product.ts";
import type { AxisTransform } from "./transform.ts";

/** The tiles of an output plane, as far as its parts have the same weights. */
export interface TilePlane {
  readonly kernel: PartKernel;
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  /** Tiles along height and width of the largest part. */
  readonly rows: number;
  readonly columns: number;
  /** Products of a tile. */
  readonly positions: number;
}

/** How the parts of a convolution that have the same weights are computed by Winograd's algorithm. */
export interface WinogradChoice {
  readonly kernel: PartKernel;
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  /** Tiles of a block along height and width; several rows only where they are whole. */
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Parts whose tiles lie in one block: more than one only where each has no more than a block of them. */
  readonly blockParts: number;
  /** The register tile of the products. */
  readonly tile: ProductTile;
  /** Output channels of a block that one engine tile takes, whole panels; all for one phase. */
  readonly outChannels: number;
  /**
   * How often all threads wait for each other. In one phase, an engine tile takes a block from input to
   * output: only for a kernel of one depth tap with stride 1, as others see a transformed plane several
   * times, or not at all. In two, which are for those, the input is transformed in the first. In three, the
   * outputs are transformed in the last.
   */
  readonly phases: 1 | 2 | 3;
  /** Positions of which an engine tile takes the products; all but for three phases. */
  readonly positions: number;
}

/** What the programs of a convolution share. Pitches are in bytes. */
export interface WinogradShape extends ProductShape {
  readonly height: AxisTransform;
  readonly width: AxisTransform;
  /** Input channels of a group; `inChannels` counts them once for each term of the sums. */
  readonly groupChannels: number;
  readonly hasBias: boolean;
  readonly epilogue: Epilogue;
  readonly input: { readonly channelPitch: number; readonly rowPitch: number };
  /** Steps from one output of a part to the next: `pixelStep` is that along a row. */
  readonly output: {
    readonly channelPitch: number;
    readonly rowPitch: number;
    readonly pixelStep: number;
  };
}

/** A block of tiles, and what it sees through one term of the sums. */
export interface WinogradBlock {
  readonly rows: TileSpan;
  readonly columns: TileSpan;
}

/** A block of tiles, and what it sees through each term. */
export interface TermsBlock {
  readonly rows: readonly TileSpan[];
  readonly columns: readonly TileSpan[];
}

/** The tiles of a block, for who is only concerned with its outputs. */
export function outputBlock({ rows: [rows], columns: [columns] }: TermsBlock): WinogradBlock {
  if (rows === undefined || columns === undefined) throw new RangeError("A sum has terms");
  return { rows: outputSpan(rows), columns: outputSpan(columns) };
}

/** How many tiles a block has. */
export function tilesOf({ rows, columns }: WinogradBlock): number {
  return rows.tiles * columns.tiles;
}

/** Input bytes to where a block begins to see. */
export function originBytes(
  { input }: WinogradShape,
  { rows, columns }: Readonly<Record<"rows" | "columns", { readonly origin: number }>>,
): number {
  return rows.origin * input.rowPitch + columns.origin * FLOAT_BYTES;
}

/** A block as one of its terms sees it, and where. */
export interface TermBlock {
  readonly block: WinogradBlock;
  /** Bytes from where the block begins to see to where the term does. */
  readonly input: number;
  /** Bytes from the transformed input of the block to that of the term. */
  readonly transformed: number;
}

/** The terms of a block, in the order of the weights. */
export function termBlocks(shape: WinogradShape, { rows, columns }: TermsBlock): TermBlock[] {
  const termBytes = shape.groupChannels * shape.transformed.channelPitch;
  return rows.flatMap((row) => columns.map((column) => ({ rows: row, columns: column })))
    .map((block, term) => ({
      block,
      input: originBytes(shape, block),
      transformed: term * termBytes,
    }));
}

/**
 * Cuts a box of equal work items into tiles.
 *
 * @module
 */

import type { Program } from "../codegen/program.ts";
import type { Grid, GridArgument, Phase } from "../engine/work.ts";

/** One axis of the box. */
export interface TileAxis {
  /** Work items along it. */
  readonly count: number;
  /** Items that one tile takes. */
  readonly block: number;
  /** For each pointer argument, bytes from one item to the next. */
  readonly steps: readonly number[];
}

/** Where a pointer argument starts: a buffer and an offset into it. */
export interface TileBase {
  readonly buffer: number;
  readonly offset: number;
  /** Bytes from one thread's buffer to the next. */
  readonly threadStep?: number;
}

/** Collects the programs and grids of one phase. */
export class PhaseBuilder {
  readonly #name: string;
  readonly #programs: Program[] = [];
  readonly #grids: Grid[] = [];
  #cost = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Adds the tiles of a box. Where a block does not divide its axis, the last tile along it is a
   * smaller one with a program of its own.
   *
   * @param axes The box, outermost axis first.
   * @param bases The pointer arguments of the first tile.
   * @param itemCost About how many microseconds one item takes one thread.
   * @param write Writes the program of a tile that takes `blocks[i]` items along axis `i`.
   */
  add(
    axes: readonly TileAxis[],
    bases: readonly TileBase[],
    itemCost: number,
    write: (blocks: readonly number[]) => Program,
  ): void {
    this.#cost += axes.reduce((items, { count }) => items * count, itemCost);
    for (const parts of cartesian(axes.map(axisParts))) {
      const program = this.#programs.length;
      this.#programs.push(write(parts.map(({ block }) => block)));
      const args: GridArgument[] = bases.map(({ buffer, offset, threadStep = 0 }, arg) => ({
        buffer,
        threadStep,
        offset: axes.reduce(
          (sum, { steps }, axis) => sum + (steps[arg] ?? 0) * (parts[axis]?.start ?? 0),
          offset,
        ),
        steps: axes.map(({ steps }, axis) => (steps[arg] ?? 0) * (parts[axis]?.block ?? 0)),
      }));
      this.#grids.push({ program, extents: parts.map(({ tiles }) => tiles), args });
    }
  }

  build(): Phase {
    return { name: this.#name, programs: this.#programs, grids: this.#grids, cost: this.#cost };
  }
}

/** A run of tiles of one size along one axis. */
interface AxisPart {
  readonly start: number;
  readonly block: number;
  readonly tiles: number;
}

function axisParts({ count, block }: TileAxis): AxisPart[] {
  const tiles = Math.floor(count / block);
  const rest = count % block;
  const parts: AxisPart[] = [];
  if (tiles > 0) parts.push({ start: 0, block, tiles });
  if (rest > 0) parts.push({ start: tiles * block, block: rest, tiles: 1 });
  return parts;
}

function cartesian<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (heads, list) => heads.flatMap((head) => list.map((item) => [...head, item])),
    [[]],
  );
}

/** Multiply-adds that a thread does in a microsecond, about. */
export const MULTIPLY_ADDS_PER_MICROSECOND = 15_000;

/** Elements that a thread copies in a microsecond, about. */
export const COPIES_PER_MICROSECOND = 2_000;

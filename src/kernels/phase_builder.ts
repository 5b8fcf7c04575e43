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

/** A box of work items and what computes them. */
export interface TileBox<Name extends string, Axis extends string> {
  /** The names of the programs' pointer parameters, in their order. */
  readonly parameters: readonly Name[];
  /** The axes of the box, outermost first. */
  readonly axes: Readonly<Record<Axis, BoxAxis<NoInfer<Name>>>>;
  /** Where each pointer of the first tile points. */
  readonly bases: Readonly<Record<NoInfer<Name>, TileBase>>;
  /** About how many microseconds one item takes one thread. */
  readonly itemCost: number;
  /** Writes the program of a tile that takes so many items along each axis. */
  readonly write: (blocks: Readonly<Record<NoInfer<Axis>, number>>) => Program;
  /** Says what the programs depend on besides their blocks: boxes with equal keys share them. */
  readonly key?: string;
}

/** One axis of such a box. */
export interface BoxAxis<Name extends string> {
  /** Work items along it. */
  readonly count: number;
  /** Items that one tile takes. Default 1. */
  readonly block?: number;
  /** Bytes from one item to the next, for each pointer that moves. */
  readonly steps: Readonly<Partial<Record<Name, number>>>;
}

/** Collects the programs and grids of one phase. Programs that are said to be the same are kept once. */
export class PhaseBuilder {
  readonly #name: string;
  readonly #programs: Program[] = [];
  readonly #indices = new Map<string, number>();
  readonly #grids: Grid[] = [];
  #cost = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Adds the tiles of a box. Where a block does not divide its axis, the last tile along it is a
   * smaller one with a program of its own.
   */
  addBox<Name extends string, Axis extends string>(
    { parameters, axes, bases, itemCost, write, key }: TileBox<Name, Axis>,
  ): void {
    const names = Object.keys(axes) as Axis[];
    const blocksOf = (blocks: readonly number[]) =>
      Object.fromEntries(names.map((axis, i) => [axis, blocks[i]])) as Record<Axis, number>;
    this.#add(
      names.map((axis) => {
        const { count, block = 1, steps } = axes[axis];
        return { count, block, steps: parameters.map((name) => steps[name] ?? 0) };
      }),
      parameters.map((name) => bases[name]),
      itemCost,
      (blocks) => write(blocksOf(blocks)),
      key,
    );
  }

  /** {@linkcode PhaseBuilder.addBox} with axes and pointers by their places. */
  #add(
    axes: readonly TileAxis[],
    bases: readonly TileBase[],
    itemCost: number,
    write: (blocks: readonly number[]) => Program,
    key?: string,
  ): void {
    this.#cost += axes.reduce((items, { count }) => items * count, itemCost);
    for (const parts of cartesian(axes.map(axisParts))) {
      const program = this.#programOf(parts.map(({ block }) => block), write, key);
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

  #programOf(
    blocks: readonly number[],
    write: (blocks: readonly number[]) => Program,
    key: string | undefined,
  ): number {
    const name = key === undefined ? undefined : `${blocks} ${key}`;
    const known = name === undefined ? undefined : this.#indices.get(name);
    if (known !== undefined) return known;
    const index = this.#programs.push(write(blocks)) - 1;
    if (name !== undefined) this.#indices.set(name, index);
    return index;
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

/** Elements that a thread copies in a microsecond, about. */
export const COPIES_PER_MICROSECOND = 2_000;

/** More tiles than this balance no number of threads better. */
const MOST_TILES = 256;

/**
 * Items of an axis for one tile, if all tiles are to take about so long.
 *
 * @param count Items along the axis.
 * @param others Tiles for each item: how often the other axes are cut.
 * @param cost Microseconds of all items of all of them.
 * @param tileCost Microseconds of a tile.
 */
export function evenBlock(count: number, others: number, cost: number, tileCost: number): number {
  const tiles = Math.min(MOST_TILES, cost / tileCost);
  const parts = Math.round(tiles / others);
  return Math.ceil(count / Math.max(1, Math.min(count, parts)));
}

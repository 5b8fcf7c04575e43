/**
 * Pointer parameters by name: those of a program are listed once, by whoever writes it, and its tiles say what
 * each of them does.
 *
 * @module
 */

import type { Pointer, Program } from "../../codegen/program.ts";
import type { PhaseBuilder, TileBase } from "../phase_builder.ts";

/** The pointers of a program with parameters of these names, in this order. */
export function pointersOf<Name extends string>(
  names: readonly Name[],
): Readonly<Record<Name, Pointer>> {
  return byName(names, (index) => index);
}

/** An axis of a box of tiles. */
export interface NamedAxis<Name extends string> {
  /** Work items along it. */
  readonly count: number;
  /** Items that one tile takes. Default 1. */
  readonly block?: number;
  /** Bytes from one item to the next; a parameter that is left out stays where it is. */
  readonly steps: Readonly<Partial<Record<Name, number>>>;
}

/** A box of tiles, see {@linkcode PhaseBuilder.add}. */
export interface NamedTiles<Name extends string, Axis extends string> {
  /** The parameters of the programs, in order. */
  readonly parameters: readonly Name[];
  /** The outermost first. */
  readonly axes: Readonly<Record<Axis, NamedAxis<NoInfer<Name>>>>;
  /** Where each parameter begins; more may be named than there are. */
  readonly bases: Readonly<Record<NoInfer<Name>, TileBase>>;
  /** Microseconds of an item. */
  readonly itemCost: number;
  /** Writes the program of a tile that takes so many items along each axis. */
  readonly write: (blocks: Readonly<Record<Axis, number>>) => Program;
  readonly key?: string;
}

/** Adds a box of tiles to a phase. */
export function addTiles<Name extends string, Axis extends string>(
  phase: PhaseBuilder,
  { parameters, axes, bases, itemCost, write, key }: NamedTiles<Name, Axis>,
): void {
  const axisNames = Object.keys(axes) as Axis[];
  phase.add(
    axisNames.map((axis) => {
      const { count, block = 1, steps } = axes[axis];
      return { count, block, steps: parameters.map((name) => steps[name] ?? 0) };
    }),
    parameters.map((name) => bases[name]),
    itemCost,
    (blocks) => write(byName(axisNames, (index) => blocks[index] ?? 1)),
    key,
  );
}

/** A number for each name, by its index. */
function byName<Name extends string>(
  names: readonly Name[],
  numberOf: (index: number) => number,
): Record<Name, number> {
  return Object.fromEntries(names.map((name, i) => [name, numberOf(i)])) as Record<Name, number>;
}

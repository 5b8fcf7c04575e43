/**
 * Walks over the spans of an axis with pointers of their own.
 *
 * @module
 */

import type { Pointer, ProgramBuilder } from "../../codegen/program.ts";
import type { SpanRun, TileSpan } from "./spans.ts";

/** How far a pointer moves along an axis. */
export interface Walk {
  readonly ptr: Pointer;
  /** Bytes for an input position. */
  readonly perInput: number;
  /** Bytes for a tile. */
  readonly perTile: number;
}

/**
 * What `body` writes for each span of some runs, with pointers of its own, in the order of the walks.
 */
export function forEachSpan(
  code: ProgramBuilder,
  runs: readonly SpanRun[],
  walks: readonly Walk[],
  body: (span: TileSpan, pointers: readonly Pointer[]) => void,
): void {
  for (const { start, count, span, step } of runs) {
    const pointers = walks.map(({ ptr, perInput, perTile }) =>
      code.pointer(ptr, span.origin * perInput + start * perTile)
    );
    const steps = walks.map(({ perInput, perTile }) => step * perInput + span.tiles * perTile);
    code.loop(count, () => {
      body(span, pointers);
      if (count > 1) pointers.forEach((ptr, i) => code.advance(ptr, steps[i] ?? 0));
    });
  }
}

/** A walk over the input. */
export function inputWalk(ptr: Pointer, perInput: number): Walk {
  return { ptr, perInput, perTile: 0 };
}

/** A walk over something that there is one of for every tile. */
export function tileWalk(ptr: Pointer, perTile: number): Walk {
  return { ptr, perInput: 0, perTile };
}

/**
 * How a convolution would be computed, in words and figures.
 *
 * @module
 */

import { type Engine, runtimeOf } from "../engine/engine.ts";
import { phaseTiles } from "../engine/work.ts";
import type { Geometry } from "../geometry.ts";
import type { Family, Form } from "../kernels/plan.ts";
import { planBytes } from "../kernels/plan.ts";
import { cut, planOf } from "./convolve.ts";

/** How a layer computes an input of some shape. */
export interface Explanation {
  /** The kernel family, or `"none"` for an empty batch. */
  readonly family: Family | "none";
  /** Threads that share the work. */
  readonly threads: number;
  /** How many pieces the work is cut into for want of shared memory; the rest speaks of the first. */
  readonly pieces: number;
  /** Bytes of shared memory. */
  readonly bytes: number;
  /** The layout in which the kernels read the input. */
  readonly inputLayout: string;
  /** What is done, in order. */
  readonly phases: readonly ExplainedPhase[];
}

/** One phase: tiles that the threads share out. */
export interface ExplainedPhase {
  /** What it does. */
  readonly name: string;
  /** How many tiles it is cut into. */
  readonly tiles: number;
  /** The programs of its tiles, register tiles and sizes in their names. */
  readonly programs: readonly string[];
}

/**
 * Explains a convolution.
 *
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function explain(engine: Engine, geometry: Geometry, form: Form): Explanation {
  const { threads } = engine;
  const nothing = { family: "none", threads, pieces: 0, bytes: 0, inputLayout: "", phases: [] };
  if (geometry.batch === 0) return { ...nothing, family: "none" };
  const runtime = runtimeOf(engine);
  const pieces = cut(runtime, geometry, form);
  const plan = planOf(runtime, pieces[0]?.geometry ?? geometry, form);
  return {
    family: plan.family,
    threads,
    pieces: pieces.length,
    bytes: planBytes(plan, runtime.threads),
    inputLayout: plan.inputLayout,
    phases: [...plan.preparation, ...plan.phases].map((phase) => ({
      name: phase.name,
      tiles: phaseTiles(phase),
      programs: phase.programs.map(({ name }) => name),
    })),
  };
}

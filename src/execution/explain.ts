/**
 * How a convolution would be computed, in words and figures.
 *
 * @module
 */

import { checkBoolean, checkOptionNames } from "../base/checks.ts";
import { listBytes, listProgram } from "../codegen/listing.ts";
import type { Program } from "../codegen/program.ts";
import type { InstructionSet } from "../codegen/target.ts";
import { type Backend, type Engine, runtimeOf } from "../engine/engine.ts";
import type { Runtime } from "../engine/runtime.ts";
import { type Phase, phaseTiles } from "../engine/work.ts";
import type { Geometry } from "../convolution/geometry.ts";
import type { Family, Form } from "../kernels/plan.ts";
import { planBytes } from "../kernels/plan.ts";
import { plannedPieces } from "./plans.ts";

/** Options of {@linkcode Layer.explain}. */
export interface ExplainOptions {
  /** Whether the code of each phase is listed too. Default `false`: there can be a lot of it. */
  readonly code?: boolean;
}

/** How a layer computes an input of some shape. */
export interface Explanation {
  /** The kernel family, or `"none"` for an empty batch. */
  readonly family: Family | "none";
  /** The code that runs. */
  readonly backend: Exclude<Backend, "auto">;
  /** The instructions that it is made of. */
  readonly instructionSet: InstructionSet;
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
  /** The code of each program, if it was asked for. */
  readonly listings?: readonly Listing[];
}

/** The code of one program. */
export interface Listing {
  /** The program's name. */
  readonly program: string;
  /**
   * What it does, one instruction a line: `v` are vector registers; `input[64]` is what lies 64 bytes from where
   * the pointer `input` points, and `p` are pointers that are made on the way.
   */
  readonly instructions: string;
  /**
   * What that becomes: the machine code of a function, or a WebAssembly module with nothing else, in
   * hexadecimal, each line with the offset of its first byte.
   */
  readonly bytes: string;
}

/**
 * Checks the options of an explanation.
 *
 * @throws {TypeError} If one is unknown or of the wrong kind.
 */
export function checkExplainOptions(where: string, options: ExplainOptions): ExplainOptions {
  checkOptionNames(where, options, ["code"]);
  if (options.code !== undefined) checkBoolean(where, "code", options.code);
  return options;
}

/**
 * Explains a convolution.
 *
 * @throws {RangeError} If it does not fit into the engine's memory even in pieces.
 */
export function explain(
  engine: Engine,
  geometry: Geometry,
  form: Form,
  { code = false }: ExplainOptions,
): Explanation {
  const runtime = runtimeOf(engine);
  const { backend, threads } = engine;
  const means = { backend, instructionSet: runtime.target.name, threads };
  if (geometry.batch === 0) {
    return { family: "none", ...means, pieces: 0, bytes: 0, inputLayout: "", phases: [] };
  }
  const pieces = plannedPieces(runtime, geometry, form);
  const [first] = pieces;
  if (first === undefined) throw new Error("There are no pieces");
  const { plan } = first;
  const phases = [...plan.preparation, ...plan.phases];
  return {
    family: plan.family,
    ...means,
    pieces: pieces.length,
    bytes: planBytes(plan, runtime.threads),
    inputLayout: plan.inputLayout,
    phases: phases.map((phase) =>
      code ? { ...explainPhase(phase), listings: list(runtime, phase) } : explainPhase(phase)
    ),
  };
}

function explainPhase(phase: Phase): ExplainedPhase {
  const { name, programs } = phase;
  return { name, tiles: phaseTiles(phase), programs: programs.map(({ name }) => name) };
}

function list(runtime: Runtime, { programs }: Phase): readonly Listing[] {
  return programs.map((program: Program) => ({
    program: program.name,
    instructions: listProgram(program),
    bytes: listBytes(runtime.encode(program)),
  }));
}

/**
 * The gradient of what a padding was made of: to that of every position those are added of the padded positions that
 * hold its value.
 *
 * What is planned is the adjoint of padding, as `convolution/adjoint.ts` says. Programs run over stretches along each
 * axis whose positions are held by as many others.
 *
 * @module
 */

import { FLOAT_BYTES, type Pointer, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import { type HeldRun, heldRuns } from "../../convolution/padding.ts";
import { indicesOf } from "../../base/indices.ts";
import { product, range } from "../../base/numbers.ts";
import { PLAIN_LAYOUT } from "../packing/input.ts";
import { COPIES_PER_MICROSECOND, evenBlock, PhaseBuilder } from "../phase_builder.ts";
import { BUFFER, type PlanBody, planBuffers, type Problem } from "../plan.ts";

const PARAMETERS = ["input", "output"] as const;

const { input: INPUT, output: OUTPUT } = indicesOf(PARAMETERS);

/** Microseconds of a tile. */
const TILE_COST = 20;

/** Plans the gradients of all planes: a tile takes some of them. */
export function planPaddingGradient(problem: Problem): PlanBody {
  const { geometry: g, target } = problem;
  const planes = g.batch * g.outChannels;
  const planeCost = product(g.input) / COPIES_PER_MICROSECOND;
  const phase = new PhaseBuilder("padding gradient");
  phase.addBox({
    parameters: PARAMETERS,
    axes: {
      planes: {
        count: planes,
        block: evenBlock(planes, 1, planes * planeCost, TILE_COST),
        steps: { input: product(g.input) * FLOAT_BYTES, output: product(g.output) * FLOAT_BYTES },
      },
    },
    bases: {
      input: { buffer: BUFFER.input, offset: 0 },
      output: { buffer: BUFFER.output, offset: 0 },
    },
    itemCost: planeCost,
    write: ({ planes: some }) => foldProgram(target, g, some),
  });
  return {
    family: "padding-gradient",
    inputLayout: PLAIN_LAYOUT,
    buffers: planBuffers(problem, {}).with(BUFFER.weight, { name: "weight", bytes: 0 }),
    preparation: [],
    phases: [phase.build()],
  };
}

/** An axis of a plane. */
interface Axis {
  readonly runs: readonly HeldRun[];
  /** Bytes from one padded position to the next. */
  readonly input: number;
  /** Bytes from one position to the next. */
  readonly output: number;
}

/** The axes of a plane, outermost first. */
function axesOf(g: Geometry): Axis[] {
  return ([0, 1, 2] as const).map((axis) => {
    const padded = { count: g.input[axis], step: 1, first: -g.padBegin[axis] };
    return {
      runs: heldRuns(padded, g.output[axis], g.paddingMode),
      input: product(g.input.slice(axis + 1)) * FLOAT_BYTES,
      output: product(g.output.slice(axis + 1)) * FLOAT_BYTES,
    };
  });
}

function foldProgram({ lanes }: Target, g: Geometry, planes: number): Program {
  const sizes = [g.input, g.output].map((sizes) => sizes.join("x"));
  const code = new ProgramBuilder(
    `${g.paddingMode} padding gradient ${planes} x ${sizes.join(" to ")}`,
    lanes,
    PARAMETERS,
  );
  const axes = axesOf(g);
  const steps = [
    [INPUT, product(g.input) * FLOAT_BYTES],
    [OUTPUT, product(g.output) * FLOAT_BYTES],
  ] as const;
  code.blocks(planes, 1, steps, () => fold(code, axes, [{ ptr: INPUT, copies: [] }], OUTPUT));
  return code.build();
}

/** What a sum takes of where a pointer points, and of so many places each some bytes further, for each axis. */
interface Term {
  readonly ptr: Pointer;
  readonly copies: readonly (readonly [count: number, bytes: number])[];
}

/** A term that moves from one sum to the next. */
interface MovingTerm extends Term {
  /** Padded positions by which it moves. */
  readonly step: number;
}

/** Writes the sums along some axes, the innermost of which lies in the lanes. */
function fold(
  code: ProgramBuilder,
  [axis, ...inner]: readonly Axis[],
  terms: readonly Term[],
  output: Pointer,
): void {
  if (axis === undefined) return;
  for (const run of axis.runs) {
    if (inner.length === 0) {
      foldVectors(code, run, terms, output);
      continue;
    }
    const moving = termsOf(code, run, terms, axis.input, (first) => first);
    const to = code.pointer(output, run.start * axis.output);
    code.loop(run.count, () => {
      fold(code, inner, moving, to);
      for (const { ptr, step } of moving) code.advance(ptr, step * axis.input);
      code.advance(to, axis.output);
    });
  }
}

/** The same along the last axis alone. */
function foldVectors(
  code: ProgramBuilder,
  run: HeldRun,
  terms: readonly Term[],
  output: Pointer,
): void {
  const [sum, value] = [code.register(), code.register()];
  /** So many vectors of some lanes, from the `start`-th position on. */
  const vectors = (start: number, lanes: number, count: number) => {
    if (lanes * count === 0) return;
    const moving = termsOf(code, run, terms, FLOAT_BYTES, (first, step) => {
      const at = first + start * step;
      // What is held backwards is pointed to by the end of the vector, its lowest element.
      return step < 0 ? at - (lanes - 1) : at;
    });
    const to = code.pointer(output, (run.start + start) * FLOAT_BYTES);
    const backwards = range(lanes).map((lane) => (lanes - 1 - lane) * FLOAT_BYTES);
    code.loop(count, () => {
      code.zero(sum);
      for (const { ptr, copies, step } of moving) {
        addCopies(code, ptr, copies, () => {
          if (step < 0) code.gather(value, ptr, backwards);
          else code.load(value, ptr, 0, lanes);
          code.add(sum, sum, value);
        });
        code.advance(ptr, step * lanes * FLOAT_BYTES);
      }
      code.store(sum, to, 0, lanes);
      code.advance(to, lanes * FLOAT_BYTES);
    });
  };
  const whole = Math.floor(run.count / code.lanes);
  vectors(0, code.lanes, whole);
  vectors(whole * code.lanes, run.count % code.lanes, 1);
}

/** The terms of the sums of a run: for each of those outside every holder, beginning where `place` says. */
function termsOf(
  code: ProgramBuilder,
  { holders }: HeldRun,
  terms: readonly Term[],
  bytes: number,
  place: (first: number, step: number) => number,
): MovingTerm[] {
  return terms.flatMap(({ ptr, copies }) =>
    holders.map(({ first, step, count }) => ({
      ptr: code.pointer(ptr, place(first, step) * bytes),
      copies: count === 1 ? copies : [...copies, [count, bytes] as const],
      step,
    }))
  );
}

/** Calls `add` with a pointer at every copy. */
function addCopies(
  code: ProgramBuilder,
  ptr: Pointer,
  [copies, ...inner]: Term["copies"],
  add: () => void,
): void {
  if (copies === undefined) return add();
  const [count, bytes] = copies;
  code.sweep(count, [[ptr, bytes]], () => addCopies(code, ptr, inner, add));
}

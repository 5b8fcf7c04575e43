/**
 * Copies elements whose neighbours lie apart afterwards: a square of vectors at a time.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";
import { transpose } from "../common/transpose.ts";
import { COPIES_PER_MICROSECOND, type PhaseBuilder } from "../phase_builder.ts";
import type { JointAxis } from "./axes.ts";
import { tileBlocks } from "./tiles.ts";

/** Axes of elements that are copied: those that only move, and the two that lie side by side, before and after. */
export interface Transposition {
  readonly others: readonly JointAxis[];
  /** Elements side by side in the input. */
  readonly from: JointAxis;
  /** Elements side by side in the output. */
  readonly to: JointAxis;
}

/** Fewer elements side by side are copied one by one. */
const LEAST_COUNT = 4;

/** How axes are transposed; `null` if they are not. The steps are those of the input and of the output. */
export function transpositionOf(axes: readonly JointAxis[]): Transposition | null {
  const to = axes.at(-1);
  const from = axes.find(({ steps: [input] }) => input === 1);
  if (to === undefined || from === undefined || to === from || to.steps[1] !== 1) return null;
  if (axes.some(({ steps }) => steps.some((step) => step < 0))) return null;
  if (to.count < LEAST_COUNT || from.count < LEAST_COUNT) return null;
  return { from, to, others: axes.filter((axis) => axis !== from && axis !== to) };
}

const PARAMETERS = ["input", "output"] as const;
const [INPUT, OUTPUT] = [0, 1];

/** Where something is copied from and to, by buffer and first element. */
export type Ends = Readonly<
  Record<typeof PARAMETERS[number], { readonly buffer: number; readonly start: number }>
>;

/** Squares of vectors that a tile has along either axis at most: they are read and written by whole cache lines. */
const MOST_SQUARES = 4;

/** Adds the tiles of a transposition. */
export function addTransposition(
  phase: PhaseBuilder,
  { others, from, to }: Transposition,
  { input, output }: Ends,
  target: Target,
): void {
  const { lanes } = target;
  const axes = [...others, from, to];
  const itemCost = 1 / COPIES_PER_MICROSECOND;
  const square = (MOST_SQUARES * lanes) ** 2;
  const outer = tileBlocks(others.map(({ count }) => count), itemCost * square);
  const blocks = [...outer, MOST_SQUARES * lanes, MOST_SQUARES * lanes];
  phase.addBox<typeof PARAMETERS[number], string>({
    parameters: PARAMETERS,
    axes: Object.fromEntries(axes.map(({ count, steps: [input = 0, output = 0] }, i) => [
      `axis ${i}`,
      {
        count,
        block: blocks[i] ?? 1,
        steps: { input: input * FLOAT_BYTES, output: output * FLOAT_BYTES },
      },
    ])),
    bases: {
      input: { buffer: input.buffer, offset: input.start * FLOAT_BYTES },
      output: { buffer: output.buffer, offset: output.start * FLOAT_BYTES },
    },
    itemCost,
    write: (counts) => {
      const some = axes.map((axis, i) => ({ ...axis, count: counts[`axis ${i}`] ?? 1 }));
      return transpositionProgram(some, target);
    },
    key: `transposition ${JSON.stringify(axes.map(({ steps }) => steps))}`,
  });
}

function transpositionProgram(axes: readonly JointAxis[], { lanes }: Target): Program {
  const counts = axes.map(({ count }) => count).join("x");
  const code = new ProgramBuilder(`transposition ${counts}`, lanes, PARAMETERS);
  const write = ([axis, ...inner]: readonly JointAxis[]): void => {
    const [next] = inner;
    if (axis === undefined || next === undefined) return;
    if (inner.length === 1) return writeSquares(code, axis, next);
    code.sweep(axis.count, movesOf(axis), () => write(inner));
  };
  write(axes);
  return code.build();
}

function movesOf({ steps: [input = 0, output = 0] }: JointAxis) {
  return [[INPUT, input * FLOAT_BYTES], [OUTPUT, output * FLOAT_BYTES]] as const;
}

function writeSquares(code: ProgramBuilder, from: JointAxis, to: JointAxis): void {
  const [rowStep = 0] = to.steps;
  const [, columnStep = 0] = from.steps;
  code.blocks(from.count, code.lanes, movesOf(from), (columns) => {
    code.blocks(to.count, code.lanes, movesOf(to), (rows) => {
      const vectors = code.registers(rows);
      for (const [i, vector] of vectors.entries()) {
        code.load(vector, INPUT, i * rowStep * FLOAT_BYTES, columns);
      }
      const isThere = new Set(range(columns));
      transpose(code, vectors, (column, index) => {
        if (!isThere.has(index)) return;
        code.store(column, OUTPUT, index * columnStep * FLOAT_BYTES, rows);
      });
    });
  });
}

/**
 * Makes elements of those of some inputs, one by one: each operand is walked through by steps of its own.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { product, range } from "../../base/numbers.ts";
import { interleave } from "../common/interleave.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";
import { jointAxes, type JointAxis } from "./axes.ts";
import { type Formula, SAME } from "./formulas.ts";
import { loadStrided } from "./strided.ts";
import { tileBlocks } from "./tiles.ts";
import { addTransposition, transpositionOf } from "./transposition.ts";
import { type MapWork, mapWork } from "./work.ts";

/** Elements of a buffer: the first, and from one to the next along each axis, none of it backwards. */
export interface Walk {
  readonly buffer: number;
  readonly start: number;
  readonly steps: readonly number[];
}

/** A box of elements. */
export interface ElementBox {
  readonly name: string;
  readonly shape: readonly number[];
  readonly inputs: readonly Walk[];
  readonly output: Walk;
  readonly formula: Formula;
}

/** An input that is repeated to a shape. */
export interface ElementInput {
  readonly length: number;
  /** From one element to the next along each axis. */
  readonly steps: readonly number[];
  /** What it always is, if it is no operand. */
  readonly numbers?: Float32Array;
}

/** Elements that are made of those of inputs, repeated to a shape. */
export interface ElementMap {
  readonly name: string;
  readonly shape: readonly number[];
  readonly inputs: readonly ElementInput[];
  /** The output's steps. */
  readonly steps: readonly number[];
  readonly formula: Formula;
}

/** Plans all elements. */
export function planElements(
  { name, shape, inputs, steps, formula }: ElementMap,
  target: Target,
): MapWork {
  const phase = new PhaseBuilder(name);
  const operands = inputs.filter(({ numbers }) => numbers === undefined);
  const known = inputs.flatMap(({ numbers }) => numbers === undefined ? [] : [numbers]);
  const output = operands.length;
  const bufferOf = (input: ElementInput) =>
    input.numbers === undefined
      ? operands.indexOf(input)
      : output + 1 + known.indexOf(input.numbers);
  addElements(phase, {
    name,
    shape,
    inputs: inputs.map((input) => ({ buffer: bufferOf(input), start: 0, steps: input.steps })),
    output: { buffer: output, start: 0, steps },
    formula,
  }, target);
  return mapWork(
    operands.map(({ length }) => length),
    product(shape),
    [phase.build()],
    known.map((numbers) => ({ name: "numbers", bytes: numbers.byteLength, numbers })),
  );
}

/** Vectors of a turn: enough to hide what a loop takes. */
const VECTORS = 4;

/** Adds the tiles of a box. */
export function addElements(
  phase: PhaseBuilder,
  { name, shape, inputs, output, formula }: ElementBox,
  target: Target,
): void {
  if (shape.includes(0)) return;
  const walks = [...inputs, output];
  const joint = jointAxes(shape, walks.map(({ steps }) => steps));
  const axes = joint.length > 0 ? joint : [{ count: 1, steps: walks.map(() => 1) }];
  const transposition = formula === SAME ? transpositionOf(axes) : null;
  const [input] = inputs;
  if (transposition !== null && input !== undefined && !isInterleaved(axes)) {
    return addTransposition(phase, transposition, { input, output }, target);
  }
  addRows(phase, { name, walks, axes, formula }, target);
}

/** The rows of a box, all of its operands along joint axes, the output last. */
interface RowBox {
  readonly name: string;
  readonly walks: readonly Walk[];
  readonly axes: readonly JointAxis[];
  readonly formula: Formula;
}

function addRows(
  phase: PhaseBuilder,
  { name, walks, axes, formula }: RowBox,
  target: Target,
): void {
  const itemCost = walks.length / 2 / COPIES_PER_MICROSECOND;
  const blocks = tileBlocks(axes.map(({ count }) => count), itemCost);
  const turn = VECTORS * target.lanes;
  /** Items of the axes that vectors are made of: whole turns. */
  const inner = isInterleaved(axes) ? [turn, axes.at(-1)?.count ?? 1] : [turn];
  const parameters = walks.map((_, i) => i < walks.length - 1 ? `input ${i}` : "output");
  const byName = <T>(of: (index: number) => T): Record<string, T> =>
    Object.fromEntries(parameters.map((parameter, i) => [parameter, of(i)]));
  phase.addBox<string, string>({
    parameters,
    axes: Object.fromEntries(axes.map(({ count, steps }, i) => {
      const block = blocks[i] ?? 1;
      const least = inner[i - axes.length + inner.length] ?? 1;
      return [`axis ${i}`, {
        count,
        block: Math.ceil(block / least) * least,
        steps: byName((walk) => (steps[walk] ?? 0) * FLOAT_BYTES),
      }];
    })),
    bases: byName((walk) => ({
      buffer: walks[walk]?.buffer ?? 0,
      offset: (walks[walk]?.start ?? 0) * FLOAT_BYTES,
    })),
    itemCost,
    write: (counts) => {
      const some = axes.map((axis, i) => ({ ...axis, count: counts[`axis ${i}`] ?? 1 }));
      return elementProgram(name, some, parameters, formula, target);
    },
    key: `${name} ${JSON.stringify(axes.map(({ steps }) => steps))}`,
  });
}

function elementProgram(
  name: string,
  axes: readonly JointAxis[],
  parameters: readonly string[],
  formula: Formula,
  { lanes }: Target,
): Program {
  const counts = axes.map(({ count }) => count).join("x");
  const code = new ProgramBuilder(`${name} ${counts}`, lanes, parameters);
  const write = ([axis, ...inner]: readonly JointAxis[]): void => {
    if (axis === undefined) return;
    if (inner.length === 0) return writeRow(code, axis, formula);
    const [last] = inner;
    if (inner.length === 1 && last !== undefined && isInterleaved([axis, last])) {
      return writeInterleaved(code, axis, last, formula);
    }
    const moves = axis.steps.map((step, walk) => [walk, step * FLOAT_BYTES] as const);
    code.sweep(axis.count, moves, () => write(inner));
  };
  write(axes);
  return code.build();
}

/** Makes the elements along the last axis. */
function writeRow(
  code: ProgramBuilder,
  { count, steps }: JointAxis,
  formula: Formula,
): void {
  const { lanes } = code;
  const output = steps.length - 1;
  const outputStep = steps[output] ?? 1;
  const inputs = steps.slice(0, output);
  const registers = inputs.map((step, walk) => {
    const register = code.register();
    if (step === 0) code.broadcast(register, walk);
    return register;
  });
  /** A vector of some lanes, so many vectors behind where the pointers are. */
  const vector = (index: number, some: number) => {
    const at = (step: number) => index * lanes * step * FLOAT_BYTES;
    for (const [walk, step] of inputs.entries()) {
      if (step !== 0) loadStrided(code, registers[walk] ?? 0, walk, at(step), step, some);
    }
    const made = formula(code, registers);
    if (outputStep === 1) return code.store(made, output, at(1), some);
    const offsets = range(some).map((i) => at(outputStep) + i * outputStep * FLOAT_BYTES);
    code.scatter(made, output, offsets);
  };
  const moves = steps.map((step, walk) => [walk, step * lanes * FLOAT_BYTES] as const);
  const whole = Math.floor(count / lanes);
  code.blocks(whole, VECTORS, moves, (vectors) => {
    for (const i of range(vectors)) vector(i, lanes);
  });
  const rest = count % lanes;
  if (rest > 0) code.displaced(moves, whole, () => vector(0, rest));
}

/** Elements side by side that are made together at most, each of a vector of its own. */
const MOST_INTERLEAVED = 4;

/** Whether the last axis has few elements, behind which the next ones of the axis before it lie. */
function isInterleaved(axes: readonly JointAxis[]): boolean {
  const [outer, inner] = axes.slice(-2);
  if (outer === undefined || inner === undefined || inner.count > MOST_INTERLEAVED) return false;
  const isForwards = [...outer.steps, ...inner.steps].every((step) => step >= 0);
  return isForwards && inner.steps.at(-1) === 1 && outer.steps.at(-1) === inner.count;
}

/** Makes vectors along the axis before the last one, and interleaves them. */
function writeInterleaved(
  code: ProgramBuilder,
  { count, steps }: JointAxis,
  inner: JointAxis,
  formula: Formula,
): void {
  const { lanes } = code;
  const output = steps.length - 1;
  const vectors = (some: number) => {
    const isRepeated = inner.steps.slice(0, output).every((step) => step === 0);
    const distinct = range(isRepeated ? 1 : inner.count).map((part) => {
      const registers = steps.slice(0, output).map((step, walk) => {
        const register = code.register();
        const offset = part * (inner.steps[walk] ?? 0) * FLOAT_BYTES;
        loadStrided(code, register, walk, offset, step, some);
        return register;
      });
      return formula(code, registers);
    });
    const parts = range(inner.count).map((part) => distinct[isRepeated ? 0 : part] ?? 0);
    for (const [i, vector] of interleave(code, parts).entries()) {
      const left = some * inner.count - i * lanes;
      if (left > 0) code.store(vector, output, i * lanes * FLOAT_BYTES, Math.min(lanes, left));
    }
  };
  const moves = steps.map((step, walk) => [walk, step * FLOAT_BYTES] as const);
  code.blocks(count, lanes, moves, vectors);
}

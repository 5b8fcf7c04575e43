/**
 * Makes elements of those of some inputs, one by one: each operand is walked through by steps of its own.
 *
 * @module
 */

import { FLOAT_BYTES, type Program, ProgramBuilder, type Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { product, range } from "../../base/numbers.ts";
import { COPIES_PER_MICROSECOND, PhaseBuilder } from "../phase_builder.ts";
import { jointAxes, type JointAxis } from "./axes.ts";
import { loadStrided } from "./strided.ts";
import { tileBlocks } from "./tiles.ts";
import { type MapWork, mapWork } from "./work.ts";

/** Sets up what all vectors have in common, and makes a vector of those of the inputs, which stay as they are. */
export type Formula = (code: ProgramBuilder) => (inputs: readonly Register[]) => Register;

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
  const itemCost = walks.length / 2 / COPIES_PER_MICROSECOND;
  const blocks = tileBlocks(axes.map(({ count }) => count), itemCost);
  const turn = VECTORS * target.lanes;
  const parameters = walks.map((_, i) => i < inputs.length ? `input ${i}` : "output");
  const byName = <T>(of: (index: number) => T): Record<string, T> =>
    Object.fromEntries(parameters.map((parameter, i) => [parameter, of(i)]));
  phase.addBox<string, string>({
    parameters,
    axes: Object.fromEntries(axes.map(({ count, steps }, i) => {
      const block = blocks[i] ?? 1;
      const isInner = i === axes.length - 1;
      return [`axis ${i}`, {
        count,
        block: isInner ? Math.ceil(block / turn) * turn : block,
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
  const make = formula(code);
  const write = ([axis, ...inner]: readonly JointAxis[]): void => {
    if (axis === undefined) return;
    if (inner.length === 0) return writeRow(code, axis, make);
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
  make: (inputs: readonly Register[]) => Register,
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
    const made = make(registers);
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

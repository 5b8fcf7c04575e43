import { type Instruction, ProgramBuilder, type Register } from "../src/codegen/program.ts";
import type { Target } from "../src/codegen/target.ts";
import type { Constants } from "../src/kernels/winograd/transform.ts";

/** What a program does to its inputs: sums of multiples of them. */
export interface Traced {
  /** For each result, what every input is multiplied by. */
  readonly matrix: readonly (readonly number[])[];
  /** The same with every step's factors taken absolutely: what rounding errors are in proportion to. */
  readonly absolute: readonly (readonly number[])[];
  /** The most roundings on a way from an input to a result, those of constants included. */
  readonly roundings: number;
}

/** What is in a register. */
interface Value {
  readonly factors: readonly number[];
  readonly absolute: readonly number[];
  readonly roundings: number;
  /** Set for a constant. */
  readonly constant?: number;
}

/**
 * Follows a linear program without loops.
 *
 * @param inputs How many registers it begins with.
 * @param write Writes it, and returns the registers of the results.
 * @param target Whether products that are added are rounded.
 */
export function traceTransform(
  inputs: number,
  write: (code: ProgramBuilder, constants: Constants, values: readonly Register[]) => Register[],
  target: Target,
): Traced {
  const code = new ProgramBuilder("traced", 1, 0);
  const registers = code.registers(inputs);
  const constants = {
    get(value: number) {
      const register = code.register();
      code.constant(register, value);
      return register;
    },
  };
  const results = write(code, constants, registers);
  const known = new Map<Register, Value>(registers.map((register, i) => {
    const factors = registers.map((_, k) => k === i ? 1 : 0);
    return [register, { factors, absolute: factors, roundings: 0 }];
  }));
  for (const instruction of code.build().body) follow(instruction, known, inputs, target);
  const values = results.map((register) => valueOf(known, register));
  return {
    matrix: values.map(({ factors }) => factors),
    absolute: values.map(({ absolute }) => absolute),
    roundings: Math.max(...values.map(({ roundings }) => roundings)),
  };
}

function follow(
  instruction: Instruction,
  known: Map<Register, Value>,
  inputs: number,
  { fusesMultiplyAdd }: Target,
): void {
  const value = (register: Register) => valueOf(known, register);
  switch (instruction.op) {
    case "constant": {
      const none = new Array<number>(inputs).fill(0);
      const { dst, value: constant } = instruction;
      const roundings = Math.fround(constant) === constant ? 0 : 1;
      known.set(dst, { factors: none, absolute: none, roundings, constant });
      return;
    }
    case "copy":
      known.set(instruction.dst, value(instruction.src));
      return;
    case "add":
      known.set(instruction.dst, sum(value(instruction.a), value(instruction.b), 1));
      return;
    case "sub":
      known.set(instruction.dst, sum(value(instruction.a), value(instruction.b), -1));
      return;
    case "mul":
      known.set(instruction.dst, rounded(multiple(value(instruction.a), value(instruction.b))));
      return;
    case "fma": {
      const [a, b] = [value(instruction.a), value(instruction.b)];
      const isExact = fusesMultiplyAdd || isPowerOfTwo(a.constant ?? b.constant ?? NaN);
      const product = isExact ? multiple(a, b) : rounded(multiple(a, b));
      known.set(instruction.acc, sum(value(instruction.acc), product, 1));
      return;
    }
    default:
      throw new Error(`A transform has no "${instruction.op}"`);
  }
}

function sum(a: Value, b: Value, sign: 1 | -1): Value {
  return rounded({
    factors: a.factors.map((factor, i) => factor + sign * (b.factors[i] ?? 0)),
    absolute: a.absolute.map((factor, i) => factor + (b.absolute[i] ?? 0)),
    roundings: Math.max(a.roundings, b.roundings),
  });
}

/** A value times a constant, whichever of the two is the constant. */
function multiple(a: Value, b: Value): Value {
  const [value, factor] = a.constant === undefined ? [a, b] : [b, a];
  const { constant } = factor;
  if (constant === undefined) throw new Error("A transform multiplies by constants");
  return {
    factors: value.factors.map((of) => of * constant),
    absolute: value.absolute.map((of) => of * Math.abs(constant)),
    roundings: value.roundings + factor.roundings,
  };
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(Math.abs(value)));
}

function rounded(value: Value): Value {
  return { ...value, roundings: value.roundings + 1 };
}

function valueOf(known: ReadonlyMap<Register, Value>, register: Register): Value {
  const value = known.get(register);
  if (value === undefined) throw new Error(`Register ${register} has no value`);
  return value;
}

/**
 * The one-dimensional transforms behind Winograd's minimal filtering: `m` outputs of a correlation with
 * `r` taps from `m + r - 1` multiplications instead of `m * r`. A 2-D tile applies one along its columns
 * and one along its rows.
 *
 * Both operands are taken as polynomials and evaluated at as many points as there are products; the
 * products are interpolated (Toom and Cook's construction, transposed). The points are 0, 1 and -1, in larger
 * tiles two more, and infinity where their number is even.
 *
 * | | |
 * | --- | --- |
 * | input | `x -> coefficients of the product of (x - q) over the finite points q other than its own` |
 * | kernel | `(g0 + p g1 + p² g2 + ...) / N(p)`, `N(p)` the product of `p - q` over those points |
 * | output | `y[i] = sum of p^i m(p)`, the point at infinity only in the last |
 *
 * Sources: S. Winograd, Arithmetic Complexity of Computations (1980); A. Lavin and S. Gray, Fast
 * Algorithms for Convolutional Neural Networks (2015).
 *
 * With 1 among the points, what all inputs of a tile have in common is 0 everywhere but there, where it meets
 * the sum of the taps: a picture's brightness disappears under a kernel that looks for edges, as it does in
 * the formula. That this holds in float32, too, all else is taken from differences of inputs, which are
 * as small as the inputs are alike; the common value is added last; and the sum of the taps is exact where they
 * are whole numbers, as what is no power of two among the `N(1)` is left to the outputs.
 *
 * Errors depend on the points (B. Barabasz et al., Error Analysis and Improving the Accuracy of Winograd
 * Convolution for Deep Neural Networks (2018); S. Alam et al., Winograd Convolution for Deep Neural Networks:
 * Efficient Point Selection (2022)). Root mean square of the error of F(4x4,3x3) and F(3x3,3x3) in float32
 * on 64 channels of normal numbers, in proportion to the outputs' standard deviation, and the factor of an axis
 * by which the transforms can amplify rounding errors at most; these are figures of matrices multiplied
 * as they are, without the differences:
 *
 * | points beside 0, and infinity for six | error | factor |
 * | --- | --- | --- |
 * | six: ±5/8, ±3/2, without 1 | 7.3e-7 | 13 |
 * | 1, 2, -1/2, -5/4, in which nothing is shared | 9.5e-7 | 19 |
 * | ±1, 1/2, -2 | 1.1e-6 | 17 |
 * | ±1, ±1/2 | 1.6e-6 | 29 |
 * | ±1, ±2 | 1.7e-6 | 29 |
 * | five: ±3/4, ±2, without 1 | 4.6e-7 | 8 |
 * | ±1, ±3 | 5.5e-7 | 12 |
 * | ±1, ±2 | 6.6e-7 | 11 |
 * | four: ±1, for F(2x2,3x3) | 2.8e-7 | 4 |
 * | three: ±1, for F(2x2,2x2) | 2.4e-7 | 4 |
 *
 * As the product of 1/2 and -2 is -1, both transforms take as many instructions as with two pairs. All
 * coefficients of the input's transform are exact in float32.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import type { Target } from "../../codegen/target.ts";
import { range } from "../../base/numbers.ts";

/** A transform along one axis of a tile. */
export interface AxisTransform {
  /** Outputs of a tile along the axis, `m`. */
  readonly outputs: number;
  /** Kernel taps along it, `r`. */
  readonly taps: number;
  /** Inputs, and products: `m + r - 1`. */
  readonly inputs: number;
  /** The finite points but 0: 1, -1, and then none or two. */
  readonly points: readonly number[];
}

/** For a kernel of one tap: every output is its own product. */
export const IDENTITY: AxisTransform = { outputs: 1, taps: 1, inputs: 1, points: [] };

/** Inputs of a tile along an axis of more than one tap. */
export type TileInputs = 3 | 4 | 5 | 6;

/** The numbers of inputs, the one that saves more products first. */
export const TILE_INPUTS: readonly TileInputs[] = [6, 5, 4, 3];

/** One point is 0; where the number of inputs is even, one is infinity. */
const POINTS: Readonly<Record<TileInputs, readonly number[]>> = {
  3: [1, -1],
  4: [1, -1],
  5: [1, -1, 3, -3],
  6: [1, -1, 1 / 2, -2],
};

/** The most taps that a transform is for. */
export const MOST_TAPS = 5;

/**
 * F(m, `taps`) with `inputs` inputs: from F(2,2), two outputs from three products instead of four, to
 * F(5,2), five from six instead of ten, and F(2,5).
 *
 * @returns The transform, or `null` if it gives only one output.
 */
export function axisTransform(taps: number, inputs: TileInputs): AxisTransform | null {
  if (taps === 1) return IDENTITY;
  const outputs = inputs - taps + 1;
  return outputs < 2 ? null : { outputs, taps, inputs, points: POINTS[inputs] };
}

/** Constants in registers. */
export interface Constants {
  /** The register of a constant. */
  get(value: number): Register;
}

/** Constants that are set once. */
class HeldConstants implements Constants {
  readonly #code: ProgramBuilder;
  readonly #registers = new Map<number, Register>();

  constructor(code: ProgramBuilder, values: Iterable<number>) {
    this.#code = code;
    for (const value of values) this.get(value);
  }

  get(value: number): Register {
    const register = this.#registers.get(value) ?? setConstant(this.#code, value);
    this.#registers.set(value, register);
    return register;
  }
}

/** Constants that are set wherever they are used. */
class FreshConstants implements Constants {
  readonly #code: ProgramBuilder;

  constructor(code: ProgramBuilder) {
    this.#code = code;
  }

  get(value: number): Register {
    return setConstant(this.#code, value);
  }
}

/** A constant in a register of its own. */
export function setConstant(code: ProgramBuilder, value: number): Register {
  const register = code.register();
  code.constant(register, value);
  return register;
}

const MANY_REGISTERS = 32;

/**
 * Whether constants are kept in registers, and not set where they are used. WebAssembly's compiler finds a
 * place for what does not fit into registers.
 */
export function areHeld({ name, registers }: Target): boolean {
  return name === "wasm" || registers >= MANY_REGISTERS;
}

/**
 * Constants for the transforms that a loop does.
 *
 * @param code Where they are set: outside of the loop.
 * @param target Whose registers they take.
 * @param values What will be needed; 1 and -1 are not.
 */
export function constantsOf(
  code: ProgramBuilder,
  target: Target,
  values: Iterable<number>,
): Constants {
  return areHeld(target) ? new HeldConstants(code, values) : new FreshConstants(code);
}

/** A coefficient and what it multiplies. */
type Term = readonly [coefficient: number, register: Register];

/** Whether infinity is one of the points. */
function hasInfinity({ inputs }: AxisTransform): boolean {
  return inputs % 2 === 0;
}

/**
 * Transforms `inputs` values of the input.
 *
 * @param common What they have in common, if anything: the value at the point 1 then lacks
 * {@linkcode commonFactor} times that, and no other value is any different.
 */
export function transformInput(
  code: ProgramBuilder,
  constants: Constants,
  transform: AxisTransform,
  values: readonly Register[],
  common: Register | null,
): Register[] {
  const { inputs } = transform;
  if (inputs === 1) return [...values];
  const sum = (...terms: Term[]) => combine(code, constants, terms);
  const near = (k: number) =>
    common === null ? at(values, k) : sum([1, at(values, k)], [-1, common]);
  const apart = range(inputs - 2).map((k) => sum([1, at(values, k + 2)], [-1, at(values, k)]));
  const others = othersOf(transform);
  if (others === null) {
    return [
      at(apart, 0),
      sum([1, near(2)], [1, near(1)]),
      sum([1, at(values, 2)], [-1, at(values, 1)]),
      ...hasInfinity(transform) ? [at(apart, 1)] : [],
    ];
  }
  const { a, b, linear, constant } = others;
  const zero = (k: number) =>
    sum([1, at(apart, k + 2)], [linear, at(apart, k + 1)], [constant, at(apart, k)]);
  // The polynomial of the others is that of 1 and -1, and so much more.
  const more = [[linear, 1], [constant + 1, 0]] as const;
  const one = (k: number) =>
    sum(
      [1, at(apart, k)],
      ...more.filter(([factor]) => factor !== 0)
        .map(([factor, next]): Term => [factor, near(k + next)]),
    );
  const [odd, even] = [one(1), one(2)];
  return [
    zero(0),
    sum([1, even], [1, odd]),
    sum([1, even], [-1, odd]),
    sum([1, at(apart, 2)], [-b, at(apart, 1)]),
    sum([1, at(apart, 2)], [-a, at(apart, 1)]),
    ...hasInfinity(transform) ? [zero(1)] : [],
  ];
}

/** What the transform of a constant has at the point 1, in proportion; it has 0 everywhere else. */
export function commonFactor({ points }: Pick<AxisTransform, "points">): number {
  return points.length === 0 ? 1 : differences([0, ...points], 1);
}

/** Where a transform has the point 1: behind 0, if it has points at all. */
export function commonIndex({ inputs }: AxisTransform): number {
  return inputs === 1 ? 0 : 1;
}

/** The constants of {@linkcode transformInput}. */
export function inputConstants(transform: AxisTransform): number[] {
  const others = othersOf(transform);
  if (others === null) return [];
  const { a, b, linear, constant } = others;
  return multiplied([linear, constant, constant + 1, -a, -b]);
}

/**
 * Transforms `taps` kernel taps into `inputs` factors, which are yet to be multiplied by
 * {@linkcode kernelScales}: so those of a kernel that sums up to zero do so, too, where it counts.
 */
export function transformKernel(
  code: ProgramBuilder,
  constants: Constants,
  transform: AxisTransform,
  values: readonly Register[],
): Register[] {
  const { points, taps } = transform;
  if (taps === 1) return [...values];
  const sum = (terms: readonly Term[]) => combine(code, constants, terms);
  const part = (parity: number) =>
    sum(range(taps).filter((k) => k % 2 === parity).map((k) => [1, at(values, k)]));
  const [even, odd] = [part(0), part(1)];
  return [
    at(values, 0),
    sum([[1, even], [1, odd]]),
    sum([[1, even], [-1, odd]]),
    ...points.slice(2).map((p) => sum(range(taps).map((k) => [p ** k, at(values, k)]))),
    ...hasInfinity(transform) ? [at(values, taps - 1)] : [],
  ];
}

/** The constants of {@linkcode transformKernel}. */
export function kernelConstants({ points, taps }: AxisTransform): number[] {
  return multiplied(points.flatMap((p) => range(taps).map((k) => p ** k)));
}

/**
 * What the factors of {@linkcode transformKernel} are multiplied by: `1 / N(p)`, but all
 * {@linkcode outputDivisor} times as much.
 */
export function kernelScales(transform: AxisTransform): number[] {
  if (transform.inputs === 1) return [1];
  const divisor = outputDivisor(transform);
  const finite = [0, ...transform.points];
  const scales = finite.map((p) => divisor / differences(finite, p));
  return hasInfinity(transform) ? [...scales, divisor] : scales;
}

/**
 * What the outputs are yet to be divided by, so that the factor at the point 1, the sum of the taps, is
 * exact where the sum is: `N(1)`, or 1 where it is a power of two.
 */
export function outputDivisor({ points }: AxisTransform): number {
  const divisor = commonFactor({ points });
  return Number.isInteger(Math.log2(Math.abs(divisor))) ? 1 : divisor;
}

/** The product of the differences of `p` from each of some other points. */
function differences(points: readonly number[], p: number): number {
  return points.reduce((product, q) => q === p ? product : product * (p - q), 1);
}

/** Transforms the sums of `inputs` products into `outputs` outputs. */
export function transformOutput(
  code: ProgramBuilder,
  constants: Constants,
  transform: AxisTransform,
  values: readonly Register[],
): Register[] {
  const { points, outputs, inputs } = transform;
  if (inputs === 1) return [...values];
  const sum = (...terms: Term[]) => combine(code, constants, terms);
  const [plus, minus] = [at(values, 1), at(values, 2)];
  const [even, odd] = [sum([1, plus], [1, minus]), sum([1, plus], [-1, minus])];
  return range(outputs).map((i) =>
    sum(
      [1, i % 2 === 0 ? even : odd],
      ...i === 0 ? [[1, at(values, 0)] as const] : [],
      ...points.slice(2).map((p, k): Term => [p ** i, at(values, 3 + k)]),
      ...i === outputs - 1 && hasInfinity(transform) ? [[1, at(values, inputs - 1)] as const] : [],
    )
  );
}

/** The constants of {@linkcode transformOutput}. */
export function outputConstants({ points, outputs }: AxisTransform): number[] {
  return multiplied(points.flatMap((p) => range(outputs).map((i) => p ** i)));
}

/** The polynomial of the two points beyond 0, 1 and -1, if there are any: `x² + linear x + constant`. */
function othersOf({ points: [, , a, b] }: AxisTransform) {
  return a === undefined || b === undefined ? null : { a, b, linear: -a - b, constant: a * b };
}

/** The coefficients for which {@linkcode combine} takes a register. */
function multiplied(coefficients: readonly number[]): number[] {
  return coefficients.filter((value) => value !== 0 && Math.abs(value) !== 1);
}

/** A sum of products; what is not multiplied comes first, what is multiplied is rounded once. */
function combine(code: ProgramBuilder, constants: Constants, terms: readonly Term[]): Register {
  const plain = terms.filter(([c]) => c === 1);
  const rest = terms.filter(([c]) => c !== 1 && c !== 0);
  const [first, ...others] = [...plain, ...rest];
  if (first === undefined) throw new RangeError("A sum has at least one term");
  let sum = first[1];
  let own = false;
  const result = (): Register => own ? sum : code.register();
  if (first[0] !== 1) {
    const product = code.register();
    code.mul(product, first[1], constants.get(first[0]));
    sum = product;
    own = true;
  }
  for (const [coefficient, value] of others) {
    const next = result();
    if (coefficient === 1) code.add(next, sum, value);
    else if (coefficient === -1) code.sub(next, sum, value);
    else {
      if (next !== sum) code.copy(next, sum);
      code.fma(next, value, constants.get(coefficient));
    }
    sum = next;
    own = true;
  }
  return sum;
}

function at(values: readonly Register[], index: number): Register {
  const value = values[index];
  if (value === undefined) {
    throw new RangeError(`A transform of ${values.length} values has no ${index}`);
  }
  return value;
}

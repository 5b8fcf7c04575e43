/**
 * What becomes of elements. A number that is none stays none.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";
import { atLeast, atMost } from "../common/bounds.ts";

/** Makes a vector of those of the inputs, which stay as they are. */
export type Formula = (code: ProgramBuilder, inputs: readonly Register[]) => Register;

/** A register with a constant, set where it is used: of several formulas there are more than registers. */
export function constant(code: ProgramBuilder, value: number): Register {
  const register = code.register();
  code.constant(register, value);
  return register;
}

/** The element itself. */
export const SAME: Formula = (_, [x = 0]) => x;

type Binary = "add" | "sub" | "mul" | "div" | "max" | "min";

/** An operation of two elements. */
export function binary(op: Binary): Formula {
  return (code, [a = 0, b = 0]) => {
    const result = code.register();
    code[op](result, a, b);
    return result;
  };
}

/** What is above a bound, and below another one; infinite ones are none. */
export function clip(low: number, high: number): Formula {
  return (code, [x = 0]) => {
    if (low === -Infinity && high === Infinity) return x;
    const result = code.register();
    code.copy(result, x);
    if (low !== -Infinity) atLeast(code, result, result, low);
    if (high !== Infinity) atMost(code, result, result, high);
    return result;
  };
}

/** The first where it is not negative, else it times the second. */
export const LEAN: Formula = (code, [x = 0, slope = 0]) => {
  const [opposite, product, result] = [code.register(), code.register(), code.register()];
  code.sub(opposite, constant(code, 0), x);
  code.mul(product, x, slope);
  code.select(result, opposite, product, x);
  return result;
};

/** The same with one slope. */
export function leaning(slope: number): Formula {
  return (code, [x = 0]) => LEAN(code, [x, constant(code, slope)]);
}

/** An element times the second, plus the third. */
export const AFFINE: Formula = (code, [x = 0, scale = 0, shift = 0]) => {
  const result = code.register();
  code.copy(result, shift);
  code.fma(result, x, scale);
  return result;
};

/** What lies between the first and the second, so much of it from the second as the third says. */
export const BLEND: Formula = (code, [a = 0, b = 0, share = 0]) => {
  const [rest, result] = [code.register(), code.register()];
  code.sub(rest, constant(code, 1), share);
  code.mul(result, a, rest);
  code.fma(result, b, share);
  return result;
};

/** `scale * x + shift` between 0 and 1. */
export function hardSigmoid(scale: number, shift: number): Formula {
  return (code, [x = 0]) => {
    const result = constant(code, shift);
    code.fma(result, x, constant(code, scale));
    atMost(code, result, result, 1);
    atLeast(code, result, result, 0);
    return result;
  };
}

/** An element times its {@linkcode hardSigmoid}. */
export function hardSwish(scale: number, shift: number): Formula {
  const gate = hardSigmoid(scale, shift);
  return (code, [x = 0]) => {
    const result = gate(code, [x]);
    code.mul(result, result, x);
    return result;
  };
}

/** An element times a number. */
export function times(factor: number): Formula {
  return (code, [x = 0]) => {
    const result = constant(code, factor);
    code.mul(result, x, result);
    return result;
  };
}

/** An element without its sign. */
export const ABSOLUTE: Formula = (code, [x = 0]) => {
  const result = constant(code, -1);
  code.mul(result, x, result);
  code.max(result, result, x);
  return result;
};

/** One divided by an element. */
export const RECIPROCAL: Formula = (code, [x = 0]) => {
  const result = constant(code, 1);
  code.div(result, result, x);
  return result;
};

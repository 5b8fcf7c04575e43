/**
 * What becomes of elements. A number that is none stays none.
 *
 * @module
 */

import type { ProgramBuilder, Register } from "../../codegen/program.ts";

/** Sets up what all vectors have in common, and makes a vector of those of the inputs, which stay as they are. */
export type Formula = (code: ProgramBuilder) => (inputs: readonly Register[]) => Register;

/** The element itself. */
export const SAME: Formula = () => ([x = 0]) => x;

type Binary = "add" | "sub" | "mul" | "div" | "max" | "min";

/** An operation of two elements. */
export function binary(op: Binary): Formula {
  return (code) => ([a = 0, b = 0]) => {
    const result = code.register();
    code[op](result, a, b);
    return result;
  };
}

/** A constant that all vectors share. */
function constant(code: ProgramBuilder, value: number): Register {
  const register = code.register();
  code.constant(register, value);
  return register;
}

/** What is above a bound, and below another one; infinite ones are none. */
export function clip(low: number, high: number): Formula {
  return (code) => {
    const bounds = [["max", low, -Infinity], ["min", high, Infinity]] as const;
    const steps = bounds.filter(([, bound, none]) => bound !== none)
      .map(([op, bound]) => [op, constant(code, bound)] as const);
    return ([x = 0]) => {
      const [result, from] = [code.register(), { x }];
      for (const [op, bound] of steps) {
        code[op](result, from.x, bound);
        from.x = result;
      }
      return from.x;
    };
  };
}

/** The first where it is not negative, else it times the second. */
export const LEAN: Formula = (code) => {
  const zero = constant(code, 0);
  return ([x = 0, slope = 0]) => lean(code, zero, x, slope);
};

/** The same with one slope. */
export function leaning(slope: number): Formula {
  return (code) => {
    const [zero, factor] = [constant(code, 0), constant(code, slope)];
    return ([x = 0]) => lean(code, zero, x, factor);
  };
}

function lean(code: ProgramBuilder, zero: Register, x: Register, slope: Register): Register {
  const [opposite, product, result] = [code.register(), code.register(), code.register()];
  code.sub(opposite, zero, x);
  code.mul(product, x, slope);
  code.select(result, opposite, product, x);
  return result;
}

/** An element times the second, plus the third. */
export const AFFINE: Formula = (code) => ([x = 0, scale = 0, shift = 0]) => {
  const result = code.register();
  code.copy(result, shift);
  code.fma(result, x, scale);
  return result;
};

/** What lies between the first and the second, so much of it from the second as the third says. */
export const BLEND: Formula = (code) => {
  const one = constant(code, 1);
  return ([a = 0, b = 0, share = 0]) => {
    const [rest, result] = [code.register(), code.register()];
    code.sub(rest, one, share);
    code.mul(result, a, rest);
    code.fma(result, b, share);
    return result;
  };
};

/** `scale * x + shift` between 0 and 1. */
export function hardSigmoid(scale: number, shift: number): Formula {
  return (code) => {
    const line = gate(code, scale, shift);
    return ([x = 0]) => line(x);
  };
}

/** An element times its {@linkcode hardSigmoid}. */
export function hardSwish(scale: number, shift: number): Formula {
  return (code) => {
    const line = gate(code, scale, shift);
    return ([x = 0]) => {
      const result = line(x);
      code.mul(result, result, x);
      return result;
    };
  };
}

function gate(code: ProgramBuilder, scale: number, shift: number): (x: Register) => Register {
  const [factor, term] = [constant(code, scale), constant(code, shift)];
  const [zero, one] = [constant(code, 0), constant(code, 1)];
  return (x) => {
    const result = code.register();
    code.copy(result, term);
    code.fma(result, x, factor);
    code.min(result, result, one);
    code.max(result, result, zero);
    return result;
  };
}

/** An element times a number. */
export function times(factor: number): Formula {
  return (code) => {
    const register = constant(code, factor);
    return ([x = 0]) => {
      const result = code.register();
      code.mul(result, x, register);
      return result;
    };
  };
}

/** An element without its sign. */
export const ABSOLUTE: Formula = (code) => {
  const opposite = constant(code, -1);
  return ([x = 0]) => {
    const result = code.register();
    code.mul(result, x, opposite);
    code.max(result, result, x);
    return result;
  };
};

/** One divided by an element. */
export const RECIPROCAL: Formula = (code) => {
  const one = constant(code, 1);
  return ([x = 0]) => {
    const result = code.register();
    code.div(result, one, x);
    return result;
  };
};

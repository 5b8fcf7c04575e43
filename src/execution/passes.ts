/**
 * Passes that make a gradient: convolutions, and what becomes of their outputs.
 *
 * @module
 */

import type { Geometry } from "../convolution/geometry.ts";
import type { Engine } from "../engine/engine.ts";
import { ArrayValues, type Values } from "../tensor/values.ts";
import { convolve, convolveSync } from "./convolve.ts";
import type { Operands } from "./operands.ts";

/** A convolution, and what its output is made into. */
export interface Pass {
  readonly geometry: Geometry;
  readonly operands: Operands;
  /** Makes the result, row-major. */
  readonly finish: (output: Values) => Values;
  /** Passes on that whose results, one behind the other, take its place. */
  readonly next?: (result: Values) => readonly Pass[];
}

/** A pass whose operands nobody changes any more: it needs no copies of them. */
export function onKept(pass: Pass): Pass {
  return { ...pass, operands: { ...pass.operands, areKept: true } };
}

/** Computes a pass in the background. */
export async function runPass(engine: Engine, pass: Pass): Promise<Values> {
  const result = pass.finish(await convolve(engine, pass.geometry, pass.operands));
  if (pass.next === undefined) return result;
  return joined(await Promise.all(pass.next(result).map((next) => runPass(engine, onKept(next)))));
}

/** The same, and blocks until it is done. */
export function runPassSync(engine: Engine, pass: Pass): Values {
  const result = pass.finish(convolveSync(engine, pass.geometry, pass.operands));
  if (pass.next === undefined) return result;
  return joined(pass.next(result).map((next) => runPassSync(engine, next)));
}

/** The arrays that passes have made, one behind the other. */
export function joined(parts: readonly Values[]): Values {
  const [first, ...others] = parts;
  if (first !== undefined && others.length === 0) return first;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const { elements } of parts) {
    all.set(elements, end);
    end += elements.length;
  }
  return new ArrayValues(all);
}

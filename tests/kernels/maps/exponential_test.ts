import { assert } from "@std/assert";
import { range } from "../../../src/base/numbers.ts";
import { planElements } from "../../../src/kernels/maps/elements.ts";
import { ERF, GELU } from "../../../src/kernels/maps/error_function.ts";
import { errorFunction } from "../../../src/network/operators/error_function.ts";
import { elu, EXP, SIGMOID, TANH } from "../../../src/kernels/maps/exponential.ts";
import type { Formula } from "../../../src/kernels/maps/formulas.ts";
import { assertNear, mixed, runMap, TARGETS } from "./_maps.ts";

const [ALPHA, GAMMA] = [1.67326319217681884765625, 1.05070102214813232421875];

/** Below 1e-4 the series is its first term. */
function erf(x: number): number {
  return Math.abs(x) < 1e-4 ? 2 / Math.sqrt(Math.PI) * x * (1 - x * x / 3) : errorFunction(x);
}

/** Formulas with what they compute. */
const FUNCTIONS: Readonly<Record<string, readonly [Formula, (x: number) => number]>> = {
  exp: [EXP, Math.exp],
  sigmoid: [SIGMOID, (x) => 1 / (1 + Math.exp(-x))],
  tanh: [TANH, Math.tanh],
  elu: [elu(1), (x) => x > 0 ? x : Math.expm1(x)],
  erf: [ERF, erf],
  selu: [elu(ALPHA, GAMMA), (x) => GAMMA * (x > 0 ? x : ALPHA * Math.expm1(x))],
};

/** Over the whole range, near 0, and where something changes. */
const NUMBERS = Float32Array.from([
  ...range(8000).map((i) => (i - 4000) / 36),
  ...range(2000).map((i) => (i - 1000) / 1000),
  ...mixed(1000, 1).map((x, i) => x * 10 ** -(i % 30)),
  ...[
    0,
    1e-45,
    1e-38,
    0.34657359,
    9,
    10,
    44,
    64,
    87.3,
    88,
    88.7,
    88.72284,
    88.8,
    89,
    103,
    103.9,
    104,
  ]
    .flatMap((x) => [x, -x]),
  ...[128, 1000, 1e10, 3.4e38, Infinity].flatMap((x) => [x, -x]),
]);

/** The least number of float32 whose fraction has all of its bits. */
const LEAST_NORMAL = 2 ** -126;

function run(formula: Formula, x: Float32Array, target: typeof TARGETS[number]): Float32Array {
  const inputs = [{ length: x.length, steps: [1] }];
  const map = { name: "test", shape: [x.length], inputs, steps: [1], formula };
  return runMap(planElements(map, target), [x], target);
}

for (const [name, [formula, expected]] of Object.entries(FUNCTIONS)) {
  Deno.test(`${name} is within 2e-7 of itself wherever float32 has all bits, on every target`, () => {
    for (const target of TARGETS) {
      for (const [i, is] of run(formula, NUMBERS, target).entries()) {
        const x = NUMBERS[i] ?? NaN;
        const should = expected(x);
        const isSame = Math.fround(should) === is;
        const bound = 2e-7 * Math.max(Math.abs(should), LEAST_NORMAL);
        assert(
          isSame || Math.abs(is - should) <= bound,
          `${target.name}: ${x}: ${is}, not ${should}`,
        );
      }
    }
  });

  Deno.test(`${name} of what is no number is none, and leaves others alone`, () => {
    const x = mixed(100, 2, [NaN]);
    for (const target of TARGETS) {
      assertNear(run(formula, x, target), Array.from(x, expected), 2e-7, target.name);
    }
  });
}

/** `1 - erf(z)` for positive numbers, by its continued fraction. */
function complement(z: number): number {
  if (z < 2.5) return 1 - erf(z);
  const fraction = range(60).reduceRight((rest, n) => z + (n + 1) / 2 / rest, z);
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction;
}

Deno.test("GELU is within 6e-7 of itself, also where it is next to nothing, on every target", () => {
  const x = NUMBERS.filter((x) => Math.abs(x) < 1e6);
  for (const target of TARGETS) {
    for (const [i, is] of run(GELU, x, target).entries()) {
      const at = x[i] ?? NaN;
      const below = complement(Math.abs(at) / Math.SQRT2) / 2;
      const should = at * (at > 0 ? 1 - below : below);
      const bound = 6e-7 * Math.max(Math.abs(should), Math.abs(at) * LEAST_NORMAL);
      const isSame = Math.fround(should) === is;
      assert(
        isSame || Math.abs(is - should) <= bound,
        `${target.name}: ${at}: ${is}, not ${should}`,
      );
    }
  }
});

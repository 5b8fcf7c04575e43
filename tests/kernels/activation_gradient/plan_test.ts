import { assert, assertEquals } from "@std/assert";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  UNFUSED_WASM_TARGET,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { elementsGeometry } from "../../../src/convolution/adjoint.ts";
import type { ActivationSettings } from "../../../src/convolution/epilogue.ts";
import { planActivationGradient } from "../../../src/kernels/activation_gradient/plan.ts";
import { BUFFER, type Plan } from "../../../src/kernels/plan.ts";
import { Tensor } from "../../../mod.ts";
import {
  describeTarget,
  multiplyAddOf,
  planMemory,
  runTiles,
  tilesOf,
} from "../../_interpret_plan.ts";
import { findDisturbance, findUnrepeatable } from "../../_repeat_plan.ts";
import { assertFits } from "../_tester.ts";

const TARGETS: readonly Target[] = [
  WASM_TARGET,
  UNFUSED_WASM_TARGET,
  AVX2_TARGET,
  AVX512_TARGET,
];

const ACTIVATIONS: readonly ActivationSettings[] = [
  { activation: "relu", negativeSlope: 0 },
  { activation: "relu6", negativeSlope: 0 },
  ...[0, 0.01, -0.01, 0.3, -0.3, -0.5, 3, 1 / 3, 1e-30, -1e20].map((negativeSlope) =>
    ({ activation: "leakyRelu", negativeSlope }) as const
  ),
];

/** What bends are at, and beside them. */
const SIDES = [
  0,
  -0,
  1e-45,
  -1e-45,
  6,
  6 - 2 ** -22,
  6 + 2 ** -21,
  7,
  -7,
  Infinity,
  -Infinity,
  NaN,
];

const GRADIENTS = [1, -1, 0, -0, 0.1, -1e-10, Infinity, -Infinity, NaN];

/** What the gradient is by its definition. */
function expectedGradient(
  { activation, negativeSlope }: ActivationSettings,
  gradient: number,
  at: number,
): number {
  if (activation === "relu6" && at >= 6) return 0;
  if (!(at <= 0)) return gradient;
  return negativeSlope === 0 ? 0 : Math.fround(negativeSlope * gradient);
}

/** Gradients and values of so many elements: every kind with every other first. */
function operands(count: number): { readonly input: Float32Array; readonly values: Float32Array } {
  const pairs = GRADIENTS.flatMap((gradient) => SIDES.map((at) => [gradient, at] as const));
  const input = Tensor.randn([count], { seed: 5 }).data;
  const values = Tensor.randn([count], { seed: 6 }).data.map((value) => 6 * value);
  pairs.slice(0, count).forEach(([gradient, at], i) => [input[i], values[i]] = [gradient, at]);
  return { input, values };
}

function planFor(activation: ActivationSettings, count: number, target: Target): Plan {
  const body = planActivationGradient({
    geometry: elementsGeometry(count),
    target,
    pass: "activation gradient",
    hasBias: false,
    epilogue: { ...activation, add: true },
    algorithm: "auto",
  });
  return { ...body, id: "test", biasCopies: 1 };
}

const EMPTY = { weight: new Float32Array(), bias: null };

function assertGradients(activation: ActivationSettings, count: number, target: Target): Plan {
  const message = `${describeTarget(target)}, ${JSON.stringify(activation)}, ${count} elements`;
  const { input, values } = operands(count);
  const plan = planFor(activation, count, target);
  assertFits(plan, target);
  const memory = planMemory(plan, { ...EMPTY, input });
  memory[BUFFER.add]?.fill(NaN).set(values);
  for (const phase of plan.phases) {
    runTiles(plan, phase, tilesOf(phase), memory, multiplyAddOf(target));
  }
  const output = memory[BUFFER.output] ?? new Float32Array();
  const wrong = input.findIndex((gradient, i) =>
    !Object.is(output[i], expectedGradient(activation, gradient, values[i] ?? 0))
  );
  assertEquals(
    wrong,
    -1,
    `${message}: of ${input[wrong]} at ${values[wrong]} comes ${output[wrong]}`,
  );
  assert(output.subarray(count).every(Number.isNaN), `${message}: it writes too far`);
  return plan;
}

for (const target of TARGETS) {
  Deno.test(`Gradients in front of activations are exactly those of their definition, ${describeTarget(target)}`, () => {
    for (const activation of ACTIVATIONS) assertGradients(activation, 3000, target);
  });

  Deno.test(`Gradients in front of activations are written to the last element and no further, ${describeTarget(target)}`, () => {
    const { lanes } = target;
    for (const vectors of [0, 1, 4, 5, 8]) {
      for (const count of [-1, 0, 1].map((more) => vectors * lanes + more)) {
        if (count > 0) assertGradients({ activation: "relu", negativeSlope: 0 }, count, target);
      }
    }
  });

  Deno.test(`Tiles of gradients in front of activations may be run again, ${describeTarget(target)}`, () => {
    const activation = { activation: "leakyRelu", negativeSlope: 0.1 } as const;
    const count = 100_003;
    const plan = assertGradients(activation, count, target);
    assert(plan.phases.flatMap(tilesOf).length > 1);
    const { input } = operands(count);
    assertEquals(findUnrepeatable(plan, { ...EMPTY, input }), null);
    assertEquals(findDisturbance(plan, { ...EMPTY, input }), null);
  });
}

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  AVX2_TARGET,
  AVX512_TARGET,
  type Target,
  WASM_TARGET,
} from "../../../src/codegen/target.ts";
import { paddingGradientGeometry } from "../../../src/convolution/adjoint.ts";
import { NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import type { Geometry, Triple } from "../../../src/convolution/geometry.ts";
import type { PaddingMode } from "../../../src/convolution/settings.ts";
import { planPaddingGradient } from "../../../src/kernels/padding_gradient/plan.ts";
import { BUFFER, type Plan } from "../../../src/kernels/plan.ts";
import { geometryOf } from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import { runPlan, tilesOf } from "../../_interpret_plan.ts";
import { findDisturbance, findUnrepeatable } from "../../_repeat_plan.ts";
import { caseOf } from "../_cases.ts";
import { assertFits } from "../_tester.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, AVX2_TARGET, AVX512_TARGET];

/** A padding of planes. */
interface PaddingCase {
  readonly mode: Exclude<PaddingMode, "zeros">;
  readonly planes: number;
  readonly sizes: Triple;
  readonly begin: Triple;
  readonly end: Triple;
}

/** The position of an axis whose value a padded position holds. */
function sourceOf(position: number, size: number, mode: PaddingCase["mode"]): number {
  switch (mode) {
    case "replicate":
      return Math.max(0, Math.min(size - 1, position));
    case "circular":
      return (position + size) % size;
    case "reflect": {
      const inside = Math.abs(position);
      return inside < size ? inside : 2 * (size - 1) - inside;
    }
  }
}

function geometryFor({ mode, planes, sizes, begin, end }: PaddingCase): Geometry {
  const plain = geometryOf(caseOf({ rank: 3, spatial: [...sizes] as number[], kernelSize: 1 }));
  const padded = { ...plain, padBegin: begin, padEnd: end, paddingMode: mode };
  return paddingGradientGeometry(padded, planes);
}

/** Small integers, whose sums are exact in any order. */
function integers(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (i * 7 + (i >> 3) * 5) % 17 - 8);
}

function expectedGradient(g: Geometry, padding: PaddingCase, padded: Float32Array): Float32Array {
  const [depth, height, width] = padding.sizes;
  const gradient = new Float32Array(padding.planes * depth * height * width);
  const [d, h, w] = g.input;
  padded.forEach((value, i) => {
    const place = [Math.floor(i / (h * w)) % d, Math.floor(i / w) % h, i % w];
    const [z = 0, y = 0, x = 0] = place.map((position, axis) =>
      sourceOf(position - (padding.begin[axis] ?? 0), padding.sizes[axis] ?? 1, padding.mode)
    );
    const plane = Math.floor(i / (d * h * w));
    const at = ((plane * depth + z) * height + y) * width + x;
    gradient[at] = (gradient[at] ?? 0) + value;
  });
  return gradient;
}

/** Runs the plan of a padding with every access checked. */
function assertFolds(padding: PaddingCase, target: Target): Plan {
  const message = `${target.name}, ${JSON.stringify(padding)}`;
  const geometry = geometryFor(padding);
  const body = planPaddingGradient({
    geometry,
    target,
    pass: "padding gradient",
    hasBias: false,
    epilogue: NO_EPILOGUE,
    algorithm: "auto",
  });
  const plan = { ...body, id: "test", biasCopies: 1 };
  assertFits(plan, target);
  const input = integers(padding.planes * geometry.input.reduce((a, b) => a * b));
  const output = runPlan(plan, { input, ...EMPTY })[BUFFER.output] ?? new Float32Array();
  const expected = expectedGradient(geometry, padding, input);
  assertEquals(output.subarray(0, expected.length), expected, message);
  assert(output.subarray(expected.length).every(Number.isNaN), `${message}: it writes too far`);
  return plan;
}

const EMPTY = { weight: new Float32Array(), bias: null };

const MODES = ["reflect", "replicate", "circular"] as const;

/** Paddings along an axis of a size: at most what the mode can pad. */
function padding(mode: PaddingCase["mode"], size: number): fc.Arbitrary<number> {
  const most = { reflect: size - 1, replicate: size + 3, circular: size }[mode];
  return fc.oneof(fc.integer({ min: 0, max: Math.min(most, 2) }), fc.nat(most));
}

const CASES: fc.Arbitrary<PaddingCase> = fc.record({
  mode: fc.constantFrom(...MODES),
  planes: fc.integer({ min: 1, max: 3 }),
  sizes: fc.oneof(
    fc.tuple(fc.constant(1), fc.constant(1), fc.integer({ min: 1, max: 70 })),
    fc.tuple(fc.constant(1), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20 })),
    fc.tuple(...[4, 5, 18].map((max) => fc.integer({ min: 1, max }))),
  ),
}).chain(({ mode, planes, sizes: [depth = 1, height = 1, width = 1] }) => {
  const sizes: Triple = [depth, height, width];
  const pads = fc.tuple(padding(mode, depth), padding(mode, height), padding(mode, width));
  return fc.record({
    mode: fc.constant(mode),
    planes: fc.constant(planes),
    sizes: fc.constant(sizes),
    begin: pads,
    end: pads,
  });
});

for (const target of TARGETS) {
  Deno.test(`Gradients of padded planes come to where the padding is from, ${target.name}`, () => {
    fc.assert(
      fc.property(CASES, (padding) => void assertFolds(padding, target)),
      { seed: 91, numRuns: draws(200) },
    );
  });

  Deno.test(`Tiles of padded planes may be run again, ${target.name}`, () => {
    for (const mode of MODES) {
      const pads: Triple = [0, 2, 3];
      const sizes: Triple = [1, 40, 53];
      const padding = { mode, planes: 45, sizes, begin: pads, end: pads };
      const plan = assertFolds(padding, target);
      assert(plan.phases.flatMap(tilesOf).length > 1);
      const input = integers(45 * 44 * 59);
      assertEquals(findUnrepeatable(plan, { input, ...EMPTY }), null);
      assertEquals(findDisturbance(plan, { input, ...EMPTY }), null);
    }
  });
}

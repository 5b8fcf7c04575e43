import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Conv2d, Tensor } from "../../mod.ts";
import { UNFUSED_WASM_TARGET } from "../../src/codegen/target.ts";
import { setAutomaticTarget } from "../../src/engine/backend.ts";
import { Dispatcher } from "../../src/engine/dispatcher.ts";
import { Engine, runtimeOf } from "../../src/engine/engine.ts";
import type { Runtime } from "../../src/engine/runtime.ts";
import type { Geometry } from "../../src/convolution/geometry.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import type { Form, Plan } from "../../src/kernels/plan.ts";
import { knownPiece, plannedPieces } from "../../src/execution/plans.ts";
import { geometryOf } from "../_arbitrary.ts";

/** The plan of a convolution that is one piece. */
function planOf(runtime: Runtime, geometry: Geometry, form: Form): Plan {
  const [piece, ...others] = plannedPieces(runtime, geometry, form);
  if (piece === undefined || others.length > 0) throw new Error("It is not one piece");
  return piece.plan;
}

const GEOMETRY = geometryOf({
  transposed: false,
  rank: 2,
  batch: 1,
  inChannels: 16,
  outChannels: 16,
  spatial: [12, 12],
  kernelSize: 3,
  bias: true,
  options: {},
  seed: 0,
});

Deno.test("plannedPieces() tells algorithms apart where the sizes are the same object", () => {
  using engine = new Engine({ threads: 1 });
  const families = (["direct", "winograd", "direct"] as const).map((algorithm) =>
    planOf(runtimeOf(engine), GEOMETRY, {
      pass: "forward",
      hasBias: true,
      epilogue: NO_EPILOGUE,
      algorithm,
    }).family
  );
  assertEquals(families, ["direct", "winograd", "direct"]);
});

/** An engine as in a runtime without relaxed SIMD. */
function unfusedEngine(): Engine {
  setAutomaticTarget(UNFUSED_WASM_TARGET);
  try {
    return new Engine({ threads: 1 });
  } finally {
    setAutomaticTarget(null);
  }
}

Deno.test("plannedPieces() tells forms and targets apart where the sizes are the same object, and knows them again", () => {
  const leaky = { ...NO_EPILOGUE, activation: "leakyRelu" } as const;
  const epilogues = [
    NO_EPILOGUE,
    { ...NO_EPILOGUE, add: true },
    { ...NO_EPILOGUE, activation: "relu" },
    { ...leaky, negativeSlope: 0.1 },
    { ...leaky, negativeSlope: 0.2 },
  ] as const;
  const forms = [true, false].flatMap((hasBias) =>
    epilogues.map((epilogue) => ({
      pass: "forward" as const,
      hasBias,
      epilogue,
      algorithm: "direct" as const,
    }))
  );
  using wasm = new Engine({ threads: 1, backend: "wasm" });
  using auto = new Engine({ threads: 1 });
  using unfused = unfusedEngine();
  const runtimes = [wasm, auto, unfused].map(runtimeOf);
  const targets = new Set(runtimes.map(({ target }) => target));
  const plansOf = () =>
    runtimes.flatMap((runtime) => forms.map((form) => planOf(runtime, GEOMETRY, form)));
  const plans = plansOf();
  assertEquals(new Set(plans).size, targets.size * forms.length);
  assertEquals(plansOf(), plans);
  plansOf().forEach((plan, index) => assertStrictEquals(plan, plans[index]));
});

Deno.test("plannedPieces() knows pieces again, and knownPiece() only what is one piece", () => {
  const form = {
    pass: "forward",
    hasBias: true,
    epilogue: NO_EPILOGUE,
    algorithm: "direct",
  } as const;
  using engine = new Engine({ threads: 1, backend: "wasm", memory: 2 ** 20 });
  const runtime = runtimeOf(engine);
  for (const batch of [1, 30]) {
    const geometry = { ...GEOMETRY, batch, input: [1, 40, 40], output: [1, 38, 38] } as const;
    assertStrictEquals(knownPiece(runtime, geometry, form), null);
    const pieces = plannedPieces(runtime, geometry, form);
    assertEquals(pieces.length > 1, batch > 1);
    assertStrictEquals(plannedPieces(runtime, geometry, form), pieces);
    assertStrictEquals(knownPiece(runtime, geometry, form), batch > 1 ? null : pieces[0]);
  }
});

Deno.test("Buffers begin on cache lines, whatever is before them", () => {
  using engine = new Engine({ threads: 3, backend: "wasm", memory: 2 ** 22 });
  const { begin } = Dispatcher.prototype;
  const bases: number[] = [];
  Dispatcher.prototype.begin = function (run, workers) {
    if ("phase" in run) bases.push(...run.bases);
    return begin.call(this, run, workers);
  };
  try {
    for (const algorithm of ["direct", "winograd"] as const) {
      for (const channels of [3, 5, 17]) {
        const options = { padding: 1, algorithm, engine };
        const input = Tensor.ones([1, channels, 7, 9]);
        const output = new Conv2d(channels, channels, 3, options).forwardSync(input);
        new Conv2d(channels, channels, 3, options).freeze().forwardSync(output, { add: input });
      }
    }
  } finally {
    Dispatcher.prototype.begin = begin;
  }
  assert(bases.length > 50);
  assertEquals(bases.filter((base) => base % 64 !== 0), []);
});

import { assert, assertThrows } from "@std/assert";
import { AVX2_TARGET, AVX512_TARGET, type Target, WASM_TARGET } from "../../src/codegen/target.ts";
import { encodeWasm } from "../../src/codegen/wasm/encode.ts";
import { encodeX64 } from "../../src/codegen/x64/encode.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { Geometry } from "../../src/convolution/geometry.ts";
import { NO_EPILOGUE } from "../../src/convolution/epilogue.ts";
import { planFor } from "../../src/kernels/choose.ts";
import { type Plan, planBytes } from "../../src/kernels/plan.ts";
import { explain } from "../../src/execution/explain.ts";
import { type Piece, piecesOf } from "../../src/execution/pieces.ts";
import { geometryOf, type LayerCase } from "../_arbitrary.ts";
import { EXTREME_SIZES, TOO_LARGE_SIZES } from "./_extreme_sizes.ts";

interface Case {
  readonly name: string;
  readonly geometry: Geometry;
}

function casesOf(sizes: Readonly<Record<string, LayerCase>>): Case[] {
  return Object.entries(sizes).map(([name, size]) => ({ name, geometry: geometryOf(size) }));
}

const CASES = casesOf(EXTREME_SIZES);

const FORM = { pass: "forward", hasBias: true, epilogue: NO_EPILOGUE, algorithm: "auto" } as const;

/**
 * A tenth of a second is the aim. The rest is for machines that are slow or shared: what these tests are to
 * find took minutes.
 */
const MOST_MILLISECONDS = 5000;

/** All programs of an ordinary layer take less than a tenth of it. */
const MOST_CODE_BYTES = 2 ** 20;

/** What an engine with its default memory has for the buffers of a call. */
const CAPACITY = Math.floor(0.9 * 2 ** 30);

const THREADS = 2;

const PAGES = 2 ** 14;

/** Runs something for every case; says which took longest. */
function timeAll(
  what: string,
  work: (geometry: Geometry, name: string) => void,
  cases: readonly Case[] = CASES,
): void {
  const times = cases.map(({ name, geometry }) => {
    const start = performance.now();
    work(geometry, name);
    return { name, milliseconds: performance.now() - start };
  }).sort((a, b) => b.milliseconds - a.milliseconds);
  const slowest = times.slice(0, 3)
    .map(({ name, milliseconds }) => `${name}: ${milliseconds.toFixed(0)} ms`);
  console.log(`${what}, the slowest: ${slowest.join("; ")}`);
  for (const { name, milliseconds } of times) {
    assert(milliseconds <= MOST_MILLISECONDS, `${what}: ${name} took ${milliseconds} ms`);
  }
}

function codeBytes({ preparation, phases }: Plan, target: Target): number {
  const bytes = [...preparation, ...phases].map(({ programs }) =>
    target === WASM_TARGET
      ? encodeWasm(programs, PAGES, target).length
      : encodeX64(programs, target).code.length
  );
  return bytes.reduce((a, b) => a + b, 0);
}

for (const target of [WASM_TARGET, AVX2_TARGET, AVX512_TARGET]) {
  const planOf = (geometry: Geometry) => planFor({ geometry, ...FORM, target });
  const pieces = new Map<string, Piece<Plan>[]>();

  Deno.test(`Every extreme size is planned at once, ${target.name}`, () => {
    timeAll("Planned as a whole", planOf);
  });

  Deno.test(`Every extreme size is cut into pieces at once, ${target.name}`, () => {
    const planner = { planOf, bytesOf: (plan: Plan) => planBytes(plan, THREADS) };
    timeAll("Cut into pieces", (geometry, name) => {
      pieces.set(name, piecesOf(geometry, planner, CAPACITY));
    });
  });

  Deno.test(`Every extreme size has code that is short and soon written, ${target.name}`, () => {
    timeAll("Code of a piece", (geometry, name) => {
      const plan = pieces.get(name)?.[0]?.plan ?? planOf(geometry);
      const bytes = codeBytes(plan, target);
      assert(bytes <= MOST_CODE_BYTES, `${name} has ${bytes} bytes of code`);
    });
  });
}

Deno.test("Every extreme size is explained at once", () => {
  using engine = new Engine();
  timeAll("Explained", (geometry) => {
    assert(explain(engine, geometry, FORM, {}).pieces > 0);
  });
});

Deno.test("What is really too large is refused at once, and the error says what it would take", () => {
  using engine = new Engine();
  timeAll("Refused", (geometry) => {
    assertThrows(
      () => explain(engine, geometry, FORM, {}),
      RangeError,
      `bytes of shared memory, but the engine has`,
    );
  }, casesOf(TOO_LARGE_SIZES));
});

Deno.test("There are extreme sizes of every kind", () => {
  assert(CASES.length >= 40);
});

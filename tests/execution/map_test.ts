import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../mod.ts";
import { runtimeOf } from "../../src/engine/engine.ts";
import type { MapPrograms } from "../../src/execution/map.ts";
import { runSequence, runSequenceSync, type Sequence } from "../../src/execution/sequence.ts";
import { planElements } from "../../src/kernels/maps/elements.ts";
import { AFFINE } from "../../src/kernels/maps/formulas.ts";
import { NO_AXIS } from "../../src/kernels/maps/windows.ts";
import { planPooling } from "../../src/kernels/maps/pooling.ts";
import { ArrayValues } from "../../src/tensor/values.ts";
import { assertEmpty } from "../engine/_lost_thread.ts";

const LENGTH = 100_000;

/** A step over all elements; what the calling thread would do is told. */
function sequenceOf(programs: MapPrograms | null, outputs: number, told: () => void): Sequence {
  const input = { place: 0, offset: 0, length: LENGTH };
  const output = { place: 1, offset: 0, length: outputs };
  return {
    places: [LENGTH, outputs],
    inputs: [input],
    outputs: [output],
    steps: [{
      work: {
        kind: "arrays",
        inputs: [input],
        output,
        programs,
        *compute(_, output) {
          told();
          output.fill(1);
          yield;
        },
      },
      closes: [0],
    }],
  };
}

/** Numbers that are an operand twice: `x * 3 + 3`. */
function affine(): MapPrograms {
  const steps = [1];
  const known = { length: 1, steps: [0] };
  const map = {
    name: "affine map",
    shape: [LENGTH],
    inputs: [{ length: LENGTH, steps }, known, known],
    steps,
    formula: AFFINE,
  };
  const three = Float32Array.of(3);
  const inputs = map.inputs.map((input) => ({ ...input }));
  return {
    operands: [0, three, three],
    plan: (target) => planElements({ ...map, inputs }, target),
  };
}

/** Rows of windows, which need memory of each thread's own, and factors. */
const means: MapPrograms = {
  operands: [0],
  plan: (target) => {
    const width = { ...NO_AXIS, size: 100, outputs: 100, taps: 3, padding: [1, 1] as const };
    return planPooling(
      { planes: LENGTH / 100, axes: [NO_AXIS, NO_AXIS, width], kind: "mean" },
      target,
    );
  },
};

function throwing(): never {
  throw new Error("The calling thread computes by itself");
}

for (const backend of ["wasm", "auto"] as const) {
  for (const threads of [1, 2]) {
    Deno.test(`maps are computed by programs, ${backend}, ${threads} threads`, async () => {
      using engine = new Engine({ threads, backend });
      await engine.ready;
      const x = new ArrayValues(Float32Array.from({ length: LENGTH }, (_, i) => i % 100));
      for (
        const [programs, expected] of [
          [affine(), (i: number) => 3 * (i % 100) + 3],
          [means, (i: number) => i % 100 === 0 ? 0.5 : i % 100 === 99 ? 98.5 : i % 100],
        ] as const
      ) {
        const sequence = sequenceOf(programs, LENGTH, throwing);
        for (
          const [y] of [
            runSequenceSync(engine, sequence, [x]),
            await runSequence(engine, sequence, [x]),
            runSequenceSync(engine, sequence, [x]),
          ]
        ) {
          const isRight = y?.every((value, i) => Math.abs(value - expected(i)) < 1e-4);
          assert(isRight && y?.length === LENGTH);
        }
      }
      assertEmpty(engine, backend);
    });
  }
}

Deno.test("a map without programs, or without room for what it reads, is computed by the calling thread", () => {
  for (const [programs, memory] of [[null, 2 ** 26], [affine(), 2 ** 20]] as const) {
    using engine = new Engine({ threads: 1, memory });
    let told = 0;
    const sequence = sequenceOf(programs, LENGTH, () => told++);
    const [y] = runSequenceSync(engine, sequence, [new ArrayValues(new Float32Array(LENGTH))]);
    assertEquals([told, y?.[LENGTH - 1]], [1, 1]);
    assertEmpty(engine, "little memory");
  }
});

Deno.test("numbers of a map are copied once, and again when their memory was needed", () => {
  using engine = new Engine({ threads: 1 });
  const three = Float32Array.of(3);
  const programs = { ...affine(), operands: [0, three, three] };
  const sequence = sequenceOf(programs, LENGTH, throwing);
  const x = [new ArrayValues(new Float32Array(LENGTH))];
  const runtime = runtimeOf(engine);
  runSequenceSync(engine, sequence, x);
  const block = runtime.residents.get(three, "numbers");
  assert(block !== undefined);
  runSequenceSync(engine, sequence, x);
  assertEquals(runtime.residents.get(three, "numbers"), block);
  runtime.makeRoom(runtime.capacity);
  assertEquals(runtime.residents.get(three, "numbers"), undefined);
  const [y] = runSequenceSync(engine, sequence, x);
  assertEquals(y?.[0], 3);
});

import { assert, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { AVX2_TARGET, AVX512_TARGET, type Target } from "../../src/codegen/target.ts";
import { encodeX64 } from "../../src/codegen/x64.ts";
import { multiplyAdds } from "../../src/geometry.ts";
import type { Plan } from "../../src/kernels/plan.ts";
import { type CaseOperands, geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { findWrongOutput, outputOf, planMemory, planOf, tilesOf } from "../_interpret_plan.ts";
import { NativePrograms, nativeTargets, Pages } from "./_native.ts";

const NATIVE = nativeTargets();

/** Interpreting is slow, and so is the formula. */
const MOST_MULTIPLY_ADDS = 2e6;

const CASES = layerCases().filter((layerCase) => {
  const work = multiplyAdds(geometryOf(layerCase));
  return work > 0 && work <= MOST_MULTIPLY_ADDS;
});

for (const target of [AVX2_TARGET, AVX512_TARGET]) {
  Deno.test({
    name: `Plans compute convolutions as machine code of ${target.name}`,
    ignore: !NATIVE.includes(target),
    fn() {
      fc.assert(
        fc.property(CASES, (layerCase) => {
          const geometry = geometryOf(layerCase);
          const plan = planOf(geometry, layerCase.bias, target);
          fc.pre(isEncodable(plan, target));
          const operands = operandsOf(layerCase);
          const output = outputOf(runNatively(plan, operands, target), geometry);
          assertStrictEquals(findWrongOutput(geometry, operands, output), null);
        }),
        { seed: 46, numRuns: 150 },
      );
    },
  });
}

function phasesOf({ preparation, phases }: Plan) {
  return [...preparation, ...phases];
}

/** Whether the registers suffice. */
function isEncodable(plan: Plan, target: Target): boolean {
  try {
    for (const { programs } of phasesOf(plan)) encodeX64(programs, target);
    return true;
  } catch (error) {
    assert(error instanceof RangeError);
    return false;
  }
}

/** Runs a plan on memory of its own, which is returned. */
function runNatively(plan: Plan, operands: CaseOperands, target: Target): Float32Array[] {
  const buffers = planMemory(plan, operands);
  const offsets: number[] = [];
  const bytes = buffers.reduce((end, buffer) => {
    offsets.push(end);
    return end + (buffer.byteLength + 63 & -64);
  }, 0);
  using pages = new Pages(Math.max(1, bytes));
  const memory = buffers.map((data, i) =>
    new Float32Array(pages.view().buffer, offsets[i], data.length)
  );
  memory.forEach((part, i) => part.set(buffers[i] ?? []));
  for (const phase of phasesOf(plan)) {
    using code = new NativePrograms(phase.programs, target, pages.address);
    for (const { program, args } of tilesOf(phase)) {
      code.run(program, ...args.map(({ buffer, offset }) => (offsets[buffer] ?? 0) + offset));
    }
  }
  return memory.map((part) => part.slice());
}

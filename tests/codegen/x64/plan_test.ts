import { assert, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { AVX2_TARGET, AVX512_TARGET, type Target } from "../../../src/codegen/target.ts";
import { multiplyAdds } from "../../../src/convolution/geometry.ts";
import type { Plan } from "../../../src/kernels/plan.ts";
import {
  type CaseOperands,
  geometryOf,
  type LayerCase,
  layerCases,
  operandsOf,
} from "../../_arbitrary.ts";
import { draws } from "../../_depth.ts";
import {
  findWrongOutput,
  outputOf,
  planMemory,
  planOfCase,
  prepareWeights,
  runTiles,
  tilesOf,
} from "../../_interpret_plan.ts";
import { sameBits } from "../../engine/_same.ts";
import { NativePrograms, nativeTargets, PAGE_BYTES, Pages } from "../_native.ts";

const NATIVE = nativeTargets();

/** Interpreting is slow, and so is the formula. */
const MOST_MULTIPLY_ADDS = 30_000;
const RUNS = 350;
const RUNS_OF_MANY_PHASES = 70;

const CASES = layerCases().filter((layerCase) => {
  const work = multiplyAdds(geometryOf(layerCase));
  return work > 0 && work <= MOST_MULTIPLY_ADDS;
});

const MOST_OUTPUTS = 20_000;

/** The least stride along every axis that makes 64 stride phases. */
const MANY_PHASES = { 1: 64, 2: 8, 3: 4 } as const;

/** Transposed convolutions of so many stride phases that they are not taken one by one. */
const CASES_OF_MANY_PHASES = CASES.filter(({ transposed }) => transposed).map(
  ({ outputSize: _, ...layerCase }) => ({
    ...layerCase,
    options: { ...layerCase.options, stride: MANY_PHASES[layerCase.rank] },
  }),
).filter((layerCase) => {
  const { batch, outChannels, output } = geometryOf(layerCase);
  return output.reduce((product, size) => product * size, batch * outChannels) <= MOST_OUTPUTS;
});

/** Runs a plan both ways. Every access is checked in one; a wrong one ends the process in the other. */
function assertSame(layerCase: LayerCase, target: Target): void {
  const geometry = geometryOf(layerCase);
  const plan = planOfCase(layerCase, target);
  const operands = operandsOf(layerCase);
  const interpreted = outputOf(runInterpreted(plan, operands), geometry);
  assertStrictEquals(findWrongOutput(geometry, operands, interpreted, plan.family), null);
  const output = outputOf(runNatively(plan, operands, target), geometry);
  assert(sameBits(output, interpreted), "Machine code and interpreter differ");
}

for (const target of [AVX2_TARGET, AVX512_TARGET]) {
  Deno.test({
    name: `Plans do the same in the interpreter and between forbidden pages in ${target.name}`,
    ignore: !NATIVE.includes(target),
    fn() {
      fc.assert(
        fc.property(CASES, (layerCase) => assertSame(layerCase, target)),
        { seed: 46, numRuns: draws(RUNS) },
      );
    },
  });

  Deno.test({
    name: `Plans for many stride phases do the same between forbidden pages in ${target.name}`,
    ignore: !NATIVE.includes(target),
    fn() {
      fc.assert(
        fc.property(CASES_OF_MANY_PHASES, (layerCase) => assertSame(layerCase, target)),
        { seed: 46, numRuns: draws(RUNS_OF_MANY_PHASES) },
      );
    },
  });
}

function runInterpreted(plan: Plan, operands: CaseOperands): readonly Float32Array[] {
  const memory = planMemory(plan, operands);
  prepareWeights(plan, memory);
  for (const phase of plan.phases) runTiles(plan, phase, tilesOf(phase), memory);
  return memory;
}

/** Runs a plan on buffers each of which ends where a page begins that nobody may touch. */
function runNatively(
  plan: Plan,
  operands: CaseOperands,
  target: Target,
): readonly Float32Array[] {
  const contents = planMemory(plan, operands);
  using stack = new DisposableStack();
  const buffers = contents.map((values) => {
    const guarded = stack.use(guardedBuffer(values.length));
    guarded.data.set(values);
    return guarded;
  });
  for (const phase of [...plan.preparation, ...plan.phases]) {
    using code = new NativePrograms(phase.programs, target, 0n);
    for (const { program, args } of tilesOf(phase)) {
      code.run(program, ...args.map(({ buffer, offset }) => addressOf(buffers[buffer]) + offset));
    }
  }
  return buffers.map(({ data }) => data.slice());
}

/** Elements with a forbidden page before and behind them. */
interface GuardedBuffer extends Disposable {
  readonly data: Float32Array;
  readonly address: number;
}

function guardedBuffer(length: number): GuardedBuffer {
  const bytes = length * Float32Array.BYTES_PER_ELEMENT;
  const inner = Math.max(1, Math.ceil(bytes / PAGE_BYTES)) * PAGE_BYTES;
  const pages = new Pages(inner + 2 * PAGE_BYTES);
  const start = PAGE_BYTES + inner - bytes;
  const data = new Float32Array(pages.view().buffer, start, length);
  pages.forbid(0, PAGE_BYTES);
  pages.forbid(PAGE_BYTES + inner, PAGE_BYTES);
  return {
    data,
    address: Number(pages.address) + start,
    [Symbol.dispose]: () => pages[Symbol.dispose](),
  };
}

function addressOf(buffer: GuardedBuffer | undefined): number {
  if (buffer === undefined) throw new RangeError("The plan has no such buffer");
  return buffer.address;
}

import { type Target, UNFUSED_WASM_TARGET, WASM_TARGET } from "../../src/codegen/target.ts";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import { encodeWasm, memoryImport } from "../../src/codegen/wasm/encode.ts";
import { multiplyAdds } from "../../src/convolution/geometry.ts";
import type { Plan } from "../../src/kernels/plan.ts";
import type { CaseOperands, LayerCase } from "../_arbitrary.ts";
import { geometryOf, layerCases, operandsOf } from "../_arbitrary.ts";
import { draws } from "../_depth.ts";
import {
  findWrongOutput,
  outputOf,
  type PlanMemory,
  planMemory,
  planOfCase,
  tilesOf,
} from "../_interpret_plan.ts";
import { caseOf, longRowCases } from "./_cases.ts";

const TARGETS: readonly Target[] = [WASM_TARGET, UNFUSED_WASM_TARGET];

const targets = fc.constantFrom(...TARGETS);

const PAGE_BYTES = 64 * 1024;

/** A plan's phases, the preparation included, compiled for a memory of so many pages. */
function compile({ preparation, phases }: Plan, target: Target, pages: number) {
  return [...preparation, ...phases].map((phase) => ({
    tiles: tilesOf(phase),
    module: new WebAssembly.Module(encodeWasm(phase.programs, pages, target)),
  }));
}

/** A plan's memory with the buffers side by side, the given one first, from address 0 on. */
function place(initial: PlanMemory, pages: number, lowest: number) {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const order = [lowest, ...initial.keys().filter((buffer) => buffer !== lowest)];
  const buffers: Float32Array[] = [];
  let end = 0;
  for (const buffer of order) {
    const data = initial[buffer] ?? new Float32Array();
    const view = new Float32Array(memory.buffer, end, data.length);
    view.set(data);
    buffers[buffer] = view;
    end += data.byteLength;
  }
  return { memory, buffers };
}

/** The outputs of a plan run in WebAssembly, with each of its buffers at address 0 in turn. */
function outputsWithEachLowest(
  plan: Plan,
  target: Target,
  operands: CaseOperands,
): PlanMemory[] {
  const initial = planMemory(plan, operands);
  const bytes = initial.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const compiled = compile(plan, target, pages);
  const used = [...initial.keys()].filter((buffer) => initial[buffer]?.length);
  return used.map((lowest) => {
    const { memory, buffers } = place(initial, pages, lowest);
    for (const { module, tiles } of compiled) {
      const { exports } = new WebAssembly.Instance(module, memoryImport(memory));
      for (const { program, args } of tiles) {
        const call = exports[program] as (...pointers: number[]) => void;
        call(...args.map(({ buffer, offset }) => (buffers[buffer]?.byteOffset ?? NaN) + offset));
      }
    }
    return buffers;
  });
}

/** Addresses are not negative: no pointer may be, whenever something is read or written through it. */
function assertComputesAnywhere(layerCase: LayerCase, target: Target): void {
  const geometry = geometryOf(layerCase);
  const operands = operandsOf(layerCase);
  const plan = planOfCase(layerCase, target);
  const [output, ...others] = outputsWithEachLowest(plan, target, operands)
    .map((memory) => outputOf(memory, geometry));
  assertStrictEquals(findWrongOutput(geometry, operands, output ?? [], plan.family), null);
  assert(others.length > 0);
  for (const other of others) assertEquals(other, output);
}

/** Cases of which a pointer, on its way through a loop, goes a long way back. */
const BACKWARD: Record<string, LayerCase> = {
  "a long transposed kernel": caseOf({ transposed: true, spatial: [3], kernelSize: 300 }),
  "a wide transposed kernel": caseOf({
    transposed: true,
    rank: 2,
    spatial: [2, 50],
    kernelSize: 11,
  }),
  "mirrored padding with a long stride": caseOf({
    spatial: [60],
    kernelSize: 1,
    options: { stride: 50, padding: [[3, 0]], paddingMode: "reflect" },
  }),
  "mirrored padding at both ends": caseOf({
    spatial: [60],
    options: { stride: 7, padding: 30, paddingMode: "reflect" },
  }),
};

Deno.test("Plans run in WebAssembly wherever their buffers lie", () => {
  const cases = layerCases().filter((layerCase) => {
    const work = multiplyAdds(geometryOf(layerCase));
    return work > 0 && work <= 60_000;
  });
  fc.assert(fc.property(cases, targets, assertComputesAnywhere), { seed: 47, numRuns: draws(200) });
});

Deno.test("Plans of long rows on many channels run in WebAssembly wherever their buffers lie", () => {
  fc.assert(fc.property(longRowCases(), targets, assertComputesAnywhere), {
    seed: 48,
    numRuns: draws(150),
  });
});

for (const [name, layerCase] of Object.entries(BACKWARD)) {
  Deno.test(`The plan of ${name} runs in WebAssembly wherever its buffers lie`, () => {
    for (const target of TARGETS) assertComputesAnywhere(layerCase, target);
  });
}

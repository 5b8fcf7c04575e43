import { assert, assertStrictEquals } from "@std/assert";
import { reachOf } from "../../../src/codegen/reach.ts";
import { AVX2_TARGET, AVX512_TARGET, WASM_TARGET } from "../../../src/codegen/target.ts";
import { NO_EPILOGUE } from "../../../src/convolution/epilogue.ts";
import { planConvolution } from "../../../src/kernels/direct/plan.ts";
import { BUFFER, type PlanBody } from "../../../src/kernels/plan.ts";
import { ROW_PARAMETERS, ROW_POINTERS } from "../../../src/kernels/rows/shape.ts";
import { planTransposed } from "../../../src/kernels/transposed/plan.ts";
import { geometryOf } from "../../_arbitrary.ts";
import { caseOf } from "../_cases.ts";

/** Scratch memory of a thread, and how much of it some program of the tiles touches. */
function scratchOf({ buffers, phases }: PlanBody): { bytes: number; touched: number } {
  const programs = phases.at(-1)?.programs ?? [];
  const touched = programs.map((program) => {
    assertStrictEquals(program.parameters, ROW_PARAMETERS.length);
    const { reads, writes } = reachOf(program)[ROW_POINTERS.scratch] ?? {};
    return Math.max(reads?.end ?? 0, writes?.end ?? 0);
  });
  return {
    bytes: buffers[BUFFER.scratch]?.bytes ?? 0,
    touched: touched.reduce((a, b) => Math.max(a, b), 0),
  };
}

for (const target of [WASM_TARGET, AVX2_TARGET, AVX512_TARGET]) {
  const form = {
    pass: "forward",
    target,
    hasBias: true,
    epilogue: NO_EPILOGUE,
    algorithm: "direct",
  } as const;
  const { lanes, name } = target;
  // Sums over so many channels are kept in scratch memory; rows end in every number of vectors.
  const sizes = [9, 13, 40, 64, 65, 100, 130].flatMap((outChannels) =>
    [2, 3, 5, 8, 11].map((vectors) => ({ outChannels, columns: vectors * lanes - 1 }))
  );

  Deno.test(`Tiles of rows touch the scratch memory that their plan has, and all of it, ${name}`, () => {
    let isFull = false;
    for (const { outChannels, columns } of sizes) {
      const options = { padding: [0, 1] };
      const size = {
        rank: 2 as const,
        inChannels: 300,
        outChannels,
        spatial: [4, columns],
        options,
      };
      const plan = planConvolution({ ...form, geometry: geometryOf(caseOf(size)) });
      const { bytes, touched } = scratchOf(plan);
      assert(touched <= bytes, `${touched} of ${bytes} bytes, ${JSON.stringify(size)}`);
      isFull ||= touched > 0 && touched === bytes;
    }
    assert(isFull);
  });

  Deno.test(`Tiles of stride phases touch the scratch memory that their plan has, and all of it, ${name}`, () => {
    let isFull = false;
    for (const { outChannels, columns } of sizes) {
      for (const stride of [2, 3]) {
        const size = {
          rank: 2 as const,
          transposed: true,
          inChannels: 300,
          outChannels,
          spatial: [3, columns],
          kernelSize: 4,
          options: { stride, padding: 1 },
        };
        const plan = planTransposed({ ...form, geometry: geometryOf(caseOf(size)) });
        const { bytes, touched } = scratchOf(plan);
        assert(touched <= bytes, `${touched} of ${bytes} bytes, ${JSON.stringify(size)}`);
        isFull ||= touched > 0 && touched === bytes;
      }
    }
    assert(isFull);
  });
}

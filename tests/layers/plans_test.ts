import { assertEquals } from "@std/assert";
import { Engine, runtimeOf } from "../../src/engine/engine.ts";
import { NO_EPILOGUE } from "../../src/kernels/epilogue.ts";
import { plannedPieces } from "../../src/layers/plans.ts";
import { geometryOf } from "../_arbitrary.ts";

Deno.test("plannedPieces() tells algorithms apart where the sizes are the same object", () => {
  using engine = new Engine({ threads: 1 });
  const geometry = geometryOf({
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
  const families = (["direct", "winograd", "direct"] as const).map((algorithm) => {
    const form = { hasBias: true, epilogue: NO_EPILOGUE, algorithm };
    return plannedPieces(runtimeOf(engine), geometry, form)[0]?.plan.family;
  });
  assertEquals(families, ["direct", "winograd", "direct"]);
});

import { assertEquals } from "@std/assert";
import { Engine, runtimeOf } from "../../src/engine/engine.ts";
import { NO_EPILOGUE } from "../../src/kernels/epilogue.ts";
import { planOf } from "../../src/layers/convolve.ts";
import { geometryOf } from "../_arbitrary.ts";

Deno.test("planOf() tells algorithms apart where the sizes are the same object", () => {
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
  const families = (["direct", "winograd", "direct"] as const).map((algorithm) =>
    planOf(runtimeOf(engine), geometry, { hasBias: true, epilogue: NO_EPILOGUE, algorithm }).family
  );
  assertEquals(families, ["direct", "winograd", "direct"]);
});

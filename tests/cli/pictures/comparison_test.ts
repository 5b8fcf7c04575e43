import { assert, assertEquals, assertRejects } from "@std/assert";
import { compareWithPlainLoop } from "../../../src/cli/pictures/comparison.ts";
import { Conv2d } from "../../../src/layers/conv.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";

const INPUT = Tensor.randn([3, 20, 30], { seed: 1 });

Deno.test("compareWithPlainLoop() gives the layer's output and the times of both", async () => {
  const layer = new Conv2d(3, 4, 5, { padding: "same", paddingMode: "replicate", bias: false });
  const { output, seconds, plainSeconds, difference } = await compareWithPlainLoop(layer, INPUT);
  assertEquals(output, await layer.forward(INPUT));
  assert(seconds > 0 && plainSeconds > 0 && difference < 1e-6);
});

Deno.test("compareWithPlainLoop() fails where layer and loop compute something else", async () => {
  const layer = new Conv2d(3, 4, 5, { padding: "same", paddingMode: "zeros", bias: false });
  await assertRejects(
    () => compareWithPlainLoop(layer, INPUT),
    Error,
    "The layer and a plain loop differ by",
  );
});

import { stub } from "@std/testing/mock";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { drawLayer } from "../../../src/cli/random_layer.ts";
import { Conv } from "../../../src/layers/conv.ts";
import { type AnyTensor, Tensor } from "../../../src/tensor/tensor.ts";
import { runJson, runMain } from "../_cli.ts";

Deno.test("check finds that the layers agree with the formula", async () => {
  const { count, failures, largestError, threads } = await runJson("check", "--count", "40");
  assertEquals([count, failures], [40, []]);
  assert(typeof largestError === "number" && largestError > 0 && largestError < 1e-5);
  assert(typeof threads === "number" && threads >= 1);
});

Deno.test("check says so in one line, with as many threads as asked for", async () => {
  const { code, out, err } = await runMain(
    "check",
    "--count",
    "1",
    "--seed",
    "5",
    "--threads",
    "3",
  );
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^Passed: 1 layer agrees with the formula; .* threads: \d, \w+ \([^)]+\)\n$/);
});

Deno.test("check names the backend that it checks", async () => {
  const { code, out } = await runMain("check", "--count", "3", "--backend", "wasm");
  assertEquals(code, 0);
  assertMatch(out, /, wasm \(WebAssembly SIMD\)\n$/);
});

Deno.test("check names every layer that disagrees, and fails", async () => {
  const seeds = Array.from({ length: 12 }, (_, seed) => seed);
  const wrong = seeds.filter((seed) => !drawLayer(seed).spec.kind.transposed);
  using _ = stub(Conv.prototype, "forward", function (this: Conv, { shape }: AnyTensor) {
    return Promise.resolve(Tensor.full(this.outputShape(shape), 1e3));
  });
  const { code, out, err } = await runMain("check", "--count", String(seeds.length));
  assertEquals(code, 1);
  const named = [
    ...err.matchAll(/^error: Conv\dd\(.* is off by .*\(repeat with --seed (\d+) --count 1\)$/gm),
  ];
  const empty = wrong.filter((seed) => drawLayer(seed).geometry.batch === 0);
  assertEquals(
    named.map(([, seed]) => Number(seed)),
    wrong.filter((seed) => !empty.includes(seed)),
  );
  assertStringIncludes(out, `Failed: ${named.length} of 12 layers disagree with the formula`);
});

Deno.test("drawLayer() draws the same layer for the same seed", () => {
  assertEquals(drawLayer(12), drawLayer(12));
  assert(String(drawLayer(12).inputShape) !== String(drawLayer(13).inputShape));
});

Deno.test("drawLayer() draws every kind of layer, option and input", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 400; seed++) {
    const { spec, inputShape, geometry } = drawLayer(seed);
    const { kind, options, bias, outputSize } = spec;
    const { stride, dilation, padBegin, padEnd, groups, inChannels, batch } = geometry;
    seen.add(kind.name);
    if (options.paddingMode !== undefined) seen.add(options.paddingMode);
    if (options.padding === "same") seen.add("same");
    if (options.outputPadding !== undefined) seen.add("outputPadding");
    if (outputSize !== undefined) seen.add("outputSize");
    if (stride.some((size) => size > 1)) seen.add("stride");
    if (dilation.some((size) => size > 1)) seen.add("dilation");
    if (padBegin.some((size, axis) => size !== padEnd[axis])) seen.add("pairs");
    if (groups > 1) seen.add(groups === inChannels ? "depthwise" : "groups");
    if (batch === 0) seen.add("empty batch");
    if (inputShape.length === kind.rank + 1) seen.add("unbatched");
    seen.add(bias ? "bias" : "no bias");
  }
  const kinds = ["1d", "2d", "3d"].flatMap((rank) => [`Conv${rank}`, `ConvTranspose${rank}`]);
  const expected = [
    ...kinds,
    ...["zeros", "reflect", "replicate", "circular", "same", "pairs", "stride", "dilation"],
    ...["outputPadding", "outputSize", "groups", "depthwise", "empty batch", "unbatched"],
    ...["bias", "no bias"],
  ];
  assertEquals([...seen].sort(), expected.sort());
});

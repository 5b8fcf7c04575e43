import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type Figure, figuresOf } from "../../bench/report/figures.ts";
import { layerResult } from "./_run.ts";

const LAYERS = [
  layerResult("a", "3x3", {
    "tileconv native": { 1: 2, 2: 1 },
    "tileconv wasm": { 1: 8, 2: 4 },
    "onnxruntime-node": { 1: 4, 2: 4 },
    "onnxruntime-web": { 1: 40 },
  }),
  layerResult("b", "1x1", {
    "tileconv native": { 1: 4, 2: 2 },
    "tileconv wasm": { 1: 8, 2: 5 },
    "onnxruntime-node": { 1: 4, 2: 1 },
    "onnxruntime-web": { 1: 10 },
  }),
];

function named(figures: readonly Figure[], ending: string): Figure | undefined {
  return figures.find(({ name }) => name.endsWith(ending));
}

Deno.test("figures of both backends come in groups, in the order of the backends", () => {
  const figures = figuresOf(LAYERS, [1, 2], ["native", "wasm"]);
  assertEquals(figures.map(({ name, goal }) => [name, goal]), [
    ["native: 2 threads, over onnxruntime-node: all layers", 1.2],
    ["native: 1 thread, over onnxruntime-node: all layers", 1.2],
    ["native: 2 threads, over onnxruntime-node: 3x3 with stride 1", 1.5],
    ["native: 2 threads, over onnxruntime-node: 1x1", 1],
    [
      "native: 2 threads, over onnxruntime-node: transposed, depthwise, grouped, 1-D and dilated layers",
      1.5,
    ],
    ["native: 2 threads, over onnxruntime-node: slowest layer", 0.8],
    [
      "native: 1 thread, share of the register ceiling: direct and pointwise layers over 50 MFLOP",
      0.65,
    ],
    [
      "wasm: 1 thread, share of the register ceiling: direct and pointwise layers over 50 MFLOP",
      0.55,
    ],
    ["wasm: 2 threads over 1: direct and pointwise layers over 50 MFLOP", 1.8],
    ["wasm: 1 thread, over TensorFlow.js wasm", 2],
    ["wasm: 1 thread, over onnxruntime-web", 4],
    ["wasm: 2 threads, over onnxruntime-node: all layers", 0.5],
    ["wasm: 2 threads, over onnxruntime-node: 3x3 with stride 1", 0.8],
    ["wasm: 2 threads, over onnxruntime-node: transposed, depthwise and grouped layers", 1],
  ]);
  assertEquals(
    figuresOf(LAYERS, [1, 2], ["wasm", "native"]).map(({ backend }) => backend),
    [...Array<string>(7).fill("wasm"), ...Array<string>(7).fill("native")],
  );
});

Deno.test("each backend's figures are about its own times and its own ceiling", () => {
  const figures = figuresOf(LAYERS, [1, 2], ["native", "wasm"]);
  const value = (ending: string) => named(figures, ending)?.value ?? NaN;
  assertAlmostEquals(value("native: 2 threads, over onnxruntime-node: all layers"), Math.sqrt(2));
  assertAlmostEquals(value("native: 1 thread, over onnxruntime-node: all layers"), Math.sqrt(2));
  assertAlmostEquals(value("native: 2 threads, over onnxruntime-node: 1x1"), 0.5);
  assertAlmostEquals(value("wasm: 2 threads, over onnxruntime-node: all layers"), Math.sqrt(0.2));
  assertAlmostEquals(value("wasm: 1 thread, over onnxruntime-web"), 2.5);
  const share = (backend: string) =>
    figures.find(({ name }) => name.startsWith(`${backend}: 1 thread, share`))?.value ?? NaN;
  assertAlmostEquals(share("native"), Math.sqrt(1 / 8));
  assertAlmostEquals(share("wasm"), 0.5);
});

Deno.test("the slowest layer is the least ratio, not a mean", () => {
  const figures = figuresOf(LAYERS, [1, 2], ["native"]);
  assertAlmostEquals(named(figures, "slowest layer")?.value ?? NaN, 0.5);
});

Deno.test("figures without layers are NaN and say why", () => {
  const figures = figuresOf(LAYERS, [1, 2], ["native", "wasm"]);
  const figure = named(figures, "dilated layers");
  assertEquals(figure?.value, NaN);
  assertEquals(figure?.excluded, [{ reason: "of another kind", layers: ["a", "b"] }]);
});

Deno.test("with one number of threads no figure comes twice", () => {
  for (const threads of [1, 2]) {
    const names = figuresOf(LAYERS, [threads], ["native", "wasm"]).map(({ name }) => name);
    assertEquals(new Set(names).size, names.length);
  }
});

import { assertEquals, assertThrows } from "@std/assert";
import { formatReadmeTable, parseRun } from "../../bench/readme_table.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { layerResult } from "./_run.ts";

const LAYERS = [
  layerResult("long name", "3x3", {
    "tileconv native": { 1: 2, 2: 0.0625 },
    "tileconv wasm": { 1: 1234, 2: 40.25 },
    "onnxruntime-node": { 1: 3, 2: 12 },
    "onnxruntime-web": { 1: 15.5 },
  }),
];

Deno.test("the README's table has a column for each backend and number of threads", () => {
  const backends = [
    { backend: "wasm", target: "wasm" },
    { backend: "native", target: "avx2" },
  ] as const;
  const [titles = "", , cells = ""] = formatReadmeTable({
    backends,
    threadCounts: [1, 2],
    layers: LAYERS,
  }).split("\n");
  assertEquals(titles.split("|").map((title) => title.trim()), [
    "",
    "layer",
    "kernels",
    "native, 1 thread",
    "native, 2 threads",
    "GFLOP/s",
    "wasm, 1 thread",
    "wasm, 2 threads",
    "ONNX Runtime, native, 2 threads",
    "ONNX Runtime web, 1 thread",
    "TensorFlow.js wasm, 1 thread",
    "",
  ]);
  assertEquals(
    cells.replaceAll(/ +/g, " "),
    "| long name | direct | 2.00 | 0.063 | 1600 | 1234 | 40.3 | 12.0 | 15.5 | - |",
  );
});

Deno.test("the README's table does without machine code", () => {
  const backends = [{ backend: "wasm", target: "wasm" }] as const;
  assertEquals(
    formatReadmeTable({ backends, threadCounts: [2], layers: LAYERS }),
    `
| layer     | kernels | wasm, 2 threads | GFLOP/s | ONNX Runtime, native, 2 threads | ONNX Runtime web, 1 thread | TensorFlow.js wasm, 1 thread |
| --------- | ------- | --------------: | ------: | ------------------------------: | -------------------------: | ---------------------------: |
| long name | direct  |            40.3 |     2.5 |                            12.0 |                       15.5 |                            - |
`.trim(),
  );
});

Deno.test("a file that no run wrote is refused", () => {
  for (const json of ["null", "[]", "{}", '{"layers": [], "threadCounts": [1]}']) {
    assertThrows(() => parseRun(json), UsageError);
  }
});

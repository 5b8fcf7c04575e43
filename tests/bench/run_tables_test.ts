import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { formatResults, README_LAYERS } from "../../bench/report/results.ts";
import { formatMeans, formatTimes, parseRun, type Run } from "../../bench/report/run_tables.ts";
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

const MACHINE = {
  processor: "a processor",
  cores: 2,
  platform: "linux x86_64",
  deno: "2.9.6",
  v8: "15.0",
};

function runOf(run: Pick<Run, "backends" | "threadCounts">): Run {
  return { date: "2026-01-02T03:04:05.678Z", machine: MACHINE, layers: LAYERS, ...run };
}

const BOTH = runOf({
  backends: [
    { backend: "wasm", target: "wasm" },
    { backend: "native", target: "avx2" },
  ],
  threadCounts: [1, 2],
});

Deno.test("the table of times has a column for each backend and number of threads", () => {
  const [titles = "", , cells = ""] = formatTimes(BOTH, LAYERS).split("\n");
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

Deno.test("the table of times does without machine code", () => {
  const backends = [{ backend: "wasm", target: "wasm" }] as const;
  assertEquals(
    formatTimes(runOf({ backends, threadCounts: [2] }), LAYERS),
    `
| layer     | kernels | wasm, 2 threads | GFLOP/s | ONNX Runtime, native, 2 threads | ONNX Runtime web, 1 thread | TensorFlow.js wasm, 1 thread |
| --------- | ------- | --------------: | ------: | ------------------------------: | -------------------------: | ---------------------------: |
| long name | direct  |            40.3 |     2.5 |                            12.0 |                       15.5 |                            - |
`.trim(),
  );
});

Deno.test("the table of means has the layers that a peer can run, and the slowest of them", () => {
  const layers = [
    ...LAYERS,
    layerResult("other", "1x1", {
      "tileconv native": { 1: 3, 2: 12 },
      "tileconv wasm": { 1: 31, 2: 3 },
      "onnxruntime-node": { 1: 3, 2: 6 },
      "onnxruntime-web": { 1: 15.5 },
    }),
  ];
  const rows = formatMeans({ ...BOTH, layers }).split("\n").map((row) =>
    row.replaceAll(/ +/g, " ")
  );
  assertEquals(rows.slice(2), [
    `| machine code | 2 | ONNX Runtime | 2 | ${Math.sqrt(192 * 0.5).toFixed(2)} | 0.50 |`,
    `| machine code | 1 | ONNX Runtime | 2 | ${Math.sqrt(1.5 * 1).toFixed(2)} | 1.00 |`,
    `| WebAssembly | 1 | ONNX Runtime web | 2 | ${
      Math.sqrt(15.5 / 1234 * 0.5).toFixed(2)
    } | 0.01 |`,
    `| WebAssembly | 2 | ONNX Runtime | 2 | ${Math.sqrt(12 / 40.25 * 2).toFixed(2)} | 0.30 |`,
  ]);
});

Deno.test("RESULTS.md says of which day and machine it is", () => {
  const text = formatResults(BOTH);
  assertStringIncludes(text, "2026-01-02, Deno 2.9.6, V8 15.0, linux x86_64");
  assertStringIncludes(text, "a processor, 2 cores");
  assertStringIncludes(text, "wasm and native (avx2)");
  assertStringIncludes(text, formatTimes(BOTH, LAYERS));
  assertStringIncludes(text, formatMeans(BOTH));
});

Deno.test("the README's tables are rows of RESULTS.md", async () => {
  const read = (path: string) => Deno.readTextFile(new URL(`../../${path}`, import.meta.url));
  const readme = cellsOf(section(await read("README.md"), "Speed"));
  const results = new Set(cellsOf(await read("bench/RESULTS.md")));
  assertEquals(readme.filter((row) => !results.has(row)), []);
  const layers = readme.filter((row) =>
    README_LAYERS.some((name) => row.startsWith(`| ${name} |`))
  );
  assertEquals(layers.length, README_LAYERS.length);
  const means = formatMeans(BOTH).split("\n")[0] ?? "";
  // Of layers, and of steps of training.
  assertEquals(readme.filter((row) => row === cellsOf(means)[0]).length, 2);
});

/** What is under a heading of the second level. */
function section(markdown: string, title: string): string {
  const [, text = ""] = markdown.split(`\n## ${title}\n`);
  return text.split("\n## ")[0] ?? "";
}

/** The rows of all tables, however wide their columns are. */
function cellsOf(markdown: string): readonly string[] {
  return markdown.split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| -"))
    .map((line) => line.replaceAll(/ +/g, " "));
}

Deno.test("a file that no run wrote is refused", () => {
  for (const json of ["null", "[]", "{}", '{"layers": [], "threadCounts": [1]}']) {
    assertThrows(() => parseRun(json), UsageError);
  }
});

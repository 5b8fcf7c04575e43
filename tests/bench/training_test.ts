import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { openEngine } from "../../bench/backends.ts";
import { conv } from "../../bench/layers.ts";
import { geometryOf } from "../../bench/geometry.ts";
import { NETWORKS_HEADING } from "../../bench/report/network_tables.ts";
import { formatResults, replaceSection } from "../../bench/report/results.ts";
import {
  formatSteps,
  formatTrainingSection,
  formatTrainingSummary,
  parseTrainingRun,
} from "../../bench/report/training_tables.ts";
import { reaches, trainingFigures, valueOf } from "../../bench/training/figures.ts";
import { TRAINING_LAYERS } from "../../bench/training/layers.ts";
import { trainingProblemOf } from "../../bench/training/problem.ts";
import {
  formatTrainingReport,
  gradientsAgree,
  type TrainingReport,
} from "../../bench/training/report.ts";
import { directForward, Trainee } from "../../bench/training/trainee.ts";
import { differenceOf, trainingResult } from "./_training.ts";

const LAYERS = [
  trainingResult("a", 100e6, [
    ["PyTorch", "forward", 1, 6],
    ["PyTorch", "step", 1, 24],
    ["native", "forward", 1, 3],
    ["native", "step", 1, 12],
    ["wasm", "direct forward", 1, 20],
    ["wasm", "step", 1, 62],
    ["PyTorch", "forward", 2, 3],
    ["PyTorch", "step", 2, 14],
    ["native", "forward", 2, 2],
    ["native", "step", 2, 7],
  ]),
  trainingResult("b", 40e6, [
    ["PyTorch", "forward", 1, 6],
    ["PyTorch", "step", 1, 8],
    ["native", "forward", 1, 3],
    ["native", "step", 1, 12],
    ["wasm", "direct forward", 1, 10],
    ["wasm", "step", 1, 90],
    ["PyTorch", "forward", 2, 6],
    ["PyTorch", "step", 2, 4],
    ["native", "forward", 2, 3],
    ["native", "step", 2, 8],
  ]),
];

const REPORT: TrainingReport = {
  date: "2026-01-02T03:04:05.678Z",
  machine: {
    processor: "a processor",
    cores: 2,
    platform: "linux x86_64",
    deno: "2.9.6",
    v8: "15.0",
  },
  pytorch: "1.13",
  options: {},
  backends: [{ backend: "native", target: "avx512" }, { backend: "wasm", target: "wasm" }],
  threadCounts: [1, 2],
  layers: LAYERS,
};

const WASM: TrainingReport = {
  ...REPORT,
  backends: [{ backend: "wasm", target: "wasm" }],
  threadCounts: [1],
  layers: LAYERS.map((layer) => ({
    ...layer,
    timings: layer.timings.filter(({ who }) => who === "tileconv wasm"),
  })),
};

Deno.test("a step is judged by its mean, its slowest layer, its threads and its direct forward pass", () => {
  const figures = trainingFigures(LAYERS, [1, 2]);
  assertEquals(figures.map(({ name, goal }) => [name, goal]), [
    ["native, 1 thread, a step over PyTorch's: all layers", 1.3],
    ["native, 1 thread, a step over PyTorch's: slowest layer", 0.8],
    ["native, 2 threads, a step over PyTorch's: all layers", 1.3],
    ["native, 2 threads, a step over PyTorch's: slowest layer", 0.8],
    ["native, a step on 2 threads over 1", 1.7],
    [
      "wasm, 1 thread, time of a step over that of the direct forward pass, " +
      "layers over 50 MFLOP: dearest layer",
      3.3,
    ],
  ]);
  const expected = [
    Math.sqrt(2 * 2 / 3),
    2 / 3,
    1,
    0.5,
    Math.sqrt(12 / 7 * 1.5),
    // The other layer is too small.
    3.1,
  ];
  figures.forEach((figure, index) => assertAlmostEquals(valueOf(figure), expected[index] ?? NaN));
  assertEquals(figures.map(reaches), [false, false, false, false, false, true]);
});

Deno.test("figures that no layer has are left out", () => {
  assertEquals(trainingFigures(WASM.layers, [1]).map(({ ratios }) => ratios.length), [1]);
  const figures = trainingFigures(LAYERS, [1]);
  assertEquals(figures.filter(({ name }) => name.includes("threads")), []);
});

Deno.test("the report has a table for each number of threads, and says which gradients are wrong", () => {
  const text = formatTrainingReport(REPORT);
  assertStringIncludes(text, "a processor, 2 cores");
  assertStringIncludes(text, "\nnative (avx512), 1 thread; ceiling 70.0 GFLOP/s");
  assertStringIncludes(text, "\nnative (avx512), 2 threads; ceiling");
  assertStringIncludes(text, "\nwasm, 1 thread; ceiling");
  assertStringIncludes(text, "its ceiling changed by a factor of 2.5 from layer to layer");
  assertStringIncludes(text, "All gradients agree");
  assert(gradientsAgree(REPORT));
  for (const error of [2e-4, NaN, Infinity]) {
    const [layer] = LAYERS;
    const layers = layer ? [{ ...layer, differences: [differenceOf(error)] }] : [];
    const wrong = { ...REPORT, layers };
    assert(!gradientsAgree(wrong));
    assertStringIncludes(formatTrainingReport(wrong), "a: tileconv native, threads: 1: weight: ");
  }
});

Deno.test("the table of steps has a column for each number of threads and for WebAssembly", () => {
  assertEquals(
    formatSteps(REPORT),
    `
| layer | native, 1 thread | PyTorch, 1 thread | native, 2 threads | PyTorch, 2 threads | wasm, 1 thread | over direct |
| ----- | ---------------: | ----------------: | ----------------: | -----------------: | -------------: | ----------: |
| a     |             12.0 |              24.0 |              7.00 |               14.0 |           62.0 |        3.10 |
| b     |             12.0 |              8.00 |              8.00 |               4.00 |           90.0 |        9.00 |
`.trim(),
  );
  assertEquals(formatSteps(WASM).split("\n")[0], "| layer | wasm, 1 thread | over direct |");
});

Deno.test("the summary has means over PyTorch, and what a second thread and a step cost", () => {
  const text = formatTrainingSummary(REPORT);
  const rows = text.split("\n").map((row) => row.replaceAll(/ +/g, " "));
  assertEquals(rows.slice(2, 6), [
    "| machine code | 2 | PyTorch, a step | 2 | 1.00 | 0.50 |",
    "| machine code | 1 | PyTorch, a step | 2 | 1.15 | 0.67 |",
    "| machine code | 2 | PyTorch, forward | 2 | 1.73 | 1.50 |",
    "| machine code | 1 | PyTorch, forward | 2 | 2.00 | 2.00 |",
  ]);
  const prose = rows.slice(7).join(" ");
  assertStringIncludes(prose, "a step 1.60 times as fast as with one.");
  assertStringIncludes(prose, "3.10 times as long as the direct forward pass, at most 3.10 times");
  assert(!formatTrainingSummary(WASM).includes("|"));
});

Deno.test("a run of a benchmark leaves what others wrote into RESULTS.md", () => {
  const layers = formatResults({ ...REPORT, layers: [] });
  const training = formatTrainingSection(REPORT);
  assertEquals(replaceSection("", layers), layers);
  assertEquals(replaceSection(layers, training), layers + training);
  const other = formatTrainingSection({ ...REPORT, pytorch: "2.0" });
  assertEquals(replaceSection(layers + other, training), layers + training);
  const networks = `${NETWORKS_HEADING}\nSome.\n`;
  assertEquals(replaceSection(layers + training, networks), layers + networks + training);
  assertEquals(replaceSection(layers + networks + other, training), layers + networks + training);
  assertEquals(
    replaceSection(`# Old\n${networks}${training}`, layers),
    layers + networks + training,
  );
  assertStringIncludes(training, "2026-01-02, Deno 2.9.6");
  assertStringIncludes(training, "PyTorch 1.13");
});

Deno.test("a file of a run is told from those of another benchmark", () => {
  assertEquals(parseTrainingRun(JSON.stringify(REPORT)), REPORT);
  const { pytorch: _, ...other } = REPORT;
  for (const value of [null, [], {}, other, { ...REPORT, layers: null }]) {
    assertEquals(parseTrainingRun(JSON.stringify(value)), null);
  }
});

Deno.test("the layers that are trained have names of their own and padding that PyTorch has", () => {
  assertEquals(new Set(TRAINING_LAYERS.map(({ name }) => name)).size, TRAINING_LAYERS.length);
  for (const { build, inputShape } of TRAINING_LAYERS) {
    const { padBegin, padEnd, rank } = geometryOf(build({}), inputShape);
    assertEquals(padBegin, padEnd);
    assert(rank < 3);
  }
});

Deno.test("steps begin without gradients and leave the weights of the problem", async () => {
  const problem = trainingProblemOf(conv("small", "3x3", [2, 3, 7, 6], 4, 3, { stride: 2 }));
  const engine = await openEngine("wasm", 1);
  try {
    const trainee = new Trainee(problem, engine);
    const before = trainee.values();
    for (let step = 0; step < 3; step++) trainee.step();
    assertEquals(trainee.values(), before);
    assertEquals(before.output.length, directForward(problem, engine)().length);
  } finally {
    engine.close();
  }
});

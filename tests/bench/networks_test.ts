import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { NetworkResult } from "../../bench/networks/compare.ts";
import { networkFigures, reaches } from "../../bench/networks/figures.ts";
import { measureMemory, peakBytes } from "../../bench/networks/memory.ts";
import { IMAGE, mobileNetV2, resNet18, uNet } from "../../bench/networks/models.ts";
import { type NetworkGoals, NETWORKS } from "../../bench/networks/networks.ts";
import { openPeer, OTHER_NAMES } from "../../bench/networks/peers.ts";
import { networkProblemOf } from "../../bench/networks/problem.ts";
import { formatNetworkReport, type NetworkReport } from "../../bench/networks/report.ts";
import { TileconvNetworks } from "../../bench/networks/tileconv.ts";
import { LayerBuilder } from "../../bench/networks/layer_builder.ts";
import { int } from "../../bench/networks/graph_builder.ts";
import { runOnce } from "../../bench/peers/peer.ts";
import {
  formatNetworkMemory,
  formatNetworkRatios,
  formatNetworkSection,
  formatNetworkTimes,
  parseNetworkRun,
} from "../../bench/report/network_tables.ts";
import { relativeError } from "../../src/convolution/formula.ts";
import type { OnnxModel } from "../../src/io/models/onnx/model.ts";
import { layerResult, type Times } from "./_run.ts";

const TENSORFLOW = "@tensorflow/tfjs-backend-wasm";

function networkResult(name: string, goals: NetworkGoals, times: Times): NetworkResult {
  const { results, refusals, ceilings, inputShape, flop } = layerResult(name, "3x3", times);
  const memory = results.map(({ peer, threads }, i) => ({ peer, threads, bytes: i * 1e6 }));
  return { name, inputShape, flop, goals, ceilings, results, refusals, memory };
}

const RESULTS = [
  networkResult("a", { overNative: 1.2 }, {
    "tileconv native": { 1: 20, 2: 10 },
    "tileconv wasm": { 1: 100, 2: 50 },
    "onnxruntime-node": { 1: 26, 2: 11 },
    "onnxruntime-web": { 1: 270 },
    [TENSORFLOW]: { 1: 240 },
  }),
  networkResult("b", { overNative: 1.3, twoThreads: { mostSeconds: 92e-3, speedup: 1.7 } }, {
    "tileconv native": { 1: 150, 2: 90 },
    "tileconv wasm": { 1: 100, 2: 50 },
    "onnxruntime-node": { 1: 150, 2: 135 },
    "onnxruntime-web": { 1: 260 },
  }),
];

const REPORT: NetworkReport = {
  date: "2026-01-02T03:04:05.678Z",
  machine: {
    processor: "a processor",
    cores: 2,
    platform: "linux x86_64",
    deno: "2.9.6",
    v8: "15.0",
  },
  packages: [
    { name: "tileconv native", version: "0.1" },
    { name: "tileconv wasm", version: "0.1" },
    { name: "onnxruntime-node", version: "1.2" },
  ],
  options: {},
  backends: [{ backend: "native", target: "avx512" }, { backend: "wasm", target: "wasm" }],
  threadCounts: [1, 2],
  networks: RESULTS,
};

Deno.test("a network is judged by native ONNX Runtime and by the best WebAssembly peer, one also by its time", () => {
  const figures = networkFigures(RESULTS, [1, 2]);
  assertEquals(
    figures.map((figure) => [
      `${figure.network}: ${figure.name}`,
      Number(figure.value.toFixed(4)),
      figure.goal,
      reaches(figure),
    ]),
    [
      ["a: native, 1 thread, over onnxruntime-node", 1.3, { least: 1.2 }, true],
      ["a: native, 2 threads, over onnxruntime-node", 1.1, { least: 1.2 }, false],
      ["a: wasm, 1 thread, over the best WebAssembly peer", 2.4, { least: 2.5 }, false],
      ["b: native, 1 thread, over onnxruntime-node", 1, { least: 1.3 }, false],
      ["b: native, 2 threads, over onnxruntime-node", 1.5, { least: 1.3 }, true],
      ["b: wasm, 1 thread, over the best WebAssembly peer", 2.6, { least: 2.5 }, true],
      ["b: native, 2 threads, milliseconds", 90, { most: 92 }, true],
      ["b: native, 2 threads over 1", 1.6667, { least: 1.7 }, false],
    ],
  );
});

Deno.test("figures that a run cannot tell are left out", () => {
  const alone = RESULTS.map((network) => ({
    ...network,
    results: network.results.filter(({ peer, threads }) =>
      peer === "tileconv native" && threads === 1
    ),
  }));
  assertEquals(networkFigures(alone, [1, 2]), []);
  const wrong = RESULTS.slice(0, 1).map((network) => ({
    ...network,
    results: network.results.map((result) => ({ ...result, error: 1 })),
  }));
  assertEquals(networkFigures(wrong, [1, 2]), []);
});

Deno.test("the report of networks has ratios, peaks, goals and what disagrees", () => {
  const text = formatNetworkReport(REPORT);
  assertStringIncludes(text, "a processor, 2 cores");
  assertStringIncludes(text, "onnxruntime-node 1.2");
  assertStringIncludes(text, "1.30, reaches 1.2: a: native, 1 thread, over onnxruntime-node");
  assertStringIncludes(text, "90.00, reaches at most 92: b: native, 2 threads, milliseconds");
  assertStringIncludes(text, "All outputs agree");
  const row = text.split("\n").find((line) => line.startsWith("tfjs-wasm"));
  assertEquals(row?.split(/ +/), [
    "tfjs-wasm",
    "1",
    "240",
    "0.4",
    "-",
    "-",
    "12.00",
    "2.40",
    "7",
    "0.0e+0",
  ]);
  const [first] = RESULTS;
  const results = first?.results.map((result) => ({ ...result, error: NaN })) ?? [];
  const wrong = first === undefined ? [] : [{ ...first, results }];
  const refused = formatNetworkReport({ ...REPORT, networks: wrong });
  assertStringIncludes(refused, "240!");
  assertStringIncludes(refused, "a: onnxruntime-web, threads: 1: off by NaN");
});

Deno.test("the tables of networks have a column for whoever took part", () => {
  const cells = (table: string) => table.split("\n").map((row) => row.replaceAll(/ +/g, " "));
  const times = cells(formatNetworkTimes(REPORT));
  assertEquals(
    times[0],
    "| network | GFLOP | native, 1 thread | native, 2 threads | wasm, 1 thread | wasm, 2 threads | " +
      "ONNX Runtime, native, 1 thread | ONNX Runtime, native, 2 threads | ONNX Runtime web, 1 thread | " +
      "TensorFlow.js wasm, 1 thread |",
  );
  assertEquals(times[3], "| b | 0.1 | 150 | 90.0 | 100 | 50.0 | 150 | 135 | 260 | - |");
  assertEquals(
    cells(formatNetworkMemory(REPORT))[2],
    "| a | 0.1 | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |",
  );
  assertEquals(cells(formatNetworkRatios(REPORT)).slice(2), [
    "| a | 1.30 | 1.10 | 2.40 | - |",
    "| b | 1.00 | 1.50 | 2.60 | 1.67 |",
  ]);
  const section = formatNetworkSection(REPORT);
  assertStringIncludes(section, "2026-01-02, Deno 2.9.6");
  assertStringIncludes(section, "onnxruntime-node 1.2");
});

Deno.test("a file of networks is told from those of other benchmarks", () => {
  assertEquals(parseNetworkRun(JSON.stringify(REPORT)), REPORT);
  const { networks: _, ...other } = REPORT;
  for (const value of [null, [], {}, other, { ...REPORT, packages: null }]) {
    assertEquals(parseNetworkRun(JSON.stringify(value)), null);
  }
});

Deno.test("the networks have names of their own", () => {
  assertEquals(new Set(NETWORKS.map(({ name }) => name)).size, NETWORKS.length);
});

/** What each of the networks has, but small, and what none of them has by itself. */
const SMALL: Readonly<Record<string, () => OnnxModel>> = {
  "a ResNet": () => resNet18({ width: 8, classes: 10 }),
  "a MobileNet": () => mobileNetV2({ width: 96, classes: 70 }),
  "a U-Net": () => uNet({ width: 4, enlarging: "ConvTranspose" }),
  "layers by themselves": () => {
    const net = new LayerBuilder(9);
    const a = net.relu(net.conv("x", { inChannels: 3, outChannels: 5, kernel: 3, stride: 2 }));
    const b = net.conv("x", { inChannels: 3, outChannels: 5, kernel: 1, stride: 2 }, false);
    const sum = net.relu6(net.add("Sum", [a, b, a]));
    return net.model({ x: IMAGE }, [net.relu(net.add("Concat", [sum, a], { axis: int(1) }))]);
  },
};

Deno.test("every peer computes the same networks, and what it computes again is the same", async () => {
  using ours = new TileconvNetworks("wasm");
  const others = await Promise.all(OTHER_NAMES.map(openPeer));
  for (const [name, build] of Object.entries(SMALL)) {
    const problem = await networkProblemOf({ inputShape: [1, 3, 32, 48], build });
    await using expected = await ours.prepare(problem, 1);
    const wanted = await runOnce(expected);
    for (const peer of others) {
      await using prepared = await peer.prepare(problem, 1);
      for (let call = 0; call < 2; call++) {
        const values = await runOnce(prepared);
        assertEquals(values.length, wanted.length, `${peer.name}: ${name}`);
        assert(relativeError(values, wanted) < 1e-4, `${peer.name}: ${name}, call ${call}`);
      }
    }
  }
});

Deno.test("TensorFlow.js says what it cannot compute", async () => {
  const peer = await openPeer(TENSORFLOW);
  const net = new LayerBuilder(1);
  const build = () => net.model({ x: IMAGE }, [net.add("Elu", ["x"])]);
  const problem = await networkProblemOf({ inputShape: [1, 3, 8, 8], build });
  await assertRejects(() => peer.prepare(problem, 1), Error, "Elu");
});

Deno.test("there is no peer of any other name", async () => {
  await assertRejects(() => openPeer("onnx"), RangeError, '"onnx"');
});

Deno.test({
  name: "a process of its own says how much memory a peer needs",
  ignore: peakBytes() === null,
  fn: async () => {
    const inputShape = [1, 3, 256, 256];
    const build = () => {
      const net = new LayerBuilder(1);
      const wide = net.conv("x", { inChannels: 3, outChannels: 64, kernel: 3 });
      return net.model({ x: IMAGE }, [
        net.conv(wide, { inChannels: 64, outChannels: 64, kernel: 1 }),
      ]);
    };
    const problem = await networkProblemOf({ inputShape, build });
    const { peer, threads, bytes } = await measureMemory(problem, "tileconv wasm", 1);
    assertEquals({ peer, threads }, { peer: "tileconv wasm", threads: 1 });
    // The output alone has 64 x 256 x 256 numbers.
    assert(bytes > 4 * 64 * 256 * 256, `${bytes} bytes`);
    await assertRejects(
      () => measureMemory(problem, "nobody", 1),
      Error,
      "memory of nobody failed",
    );
  },
});

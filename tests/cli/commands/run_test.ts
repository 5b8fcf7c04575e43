import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  encodeJpeg,
  encodeWav,
  readJpeg,
  readNpy,
  readPng,
  readTorch,
  readWav,
  writeNpy,
  writeNpz,
  writeSafetensors,
  writeTorch,
} from "../../../src/io/mod.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { Conv1d, Conv2d } from "../../../src/layers/conv.ts";
import { stateDicts } from "../../../src/layers/state_dicts.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";
import { hasTorch, runTorch } from "../../_programs.ts";
import { runJson, runMain, runShell, spawnMain } from "../_cli.ts";

/**
 * The formulas in NumPy, for any rank: `make` saves operands, `compare` prints the largest difference
 * of a result in proportion to the largest value.
 */
const NUMPY = `
import itertools, json, sys
import numpy as np
job, folder, case = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
rank, groups = len(case["kernel"]), case["groups"]
kernel, stride, dilation = case["kernel"], case["stride"], case["dilation"]

def split(values, axis):
    return np.split(values, groups, axis=axis)

def conv(x, w, b):
    mode = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(case["mode"], case["mode"])
    x = np.pad(x, [(0, 0), (0, 0)] + case["padding"], mode=mode)
    size = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation)]
    parts = []
    for xg, wg in zip(split(x, 1), split(w, 0)):
        y = np.zeros((x.shape[0], wg.shape[0], *size))
        for taps in itertools.product(*map(range, kernel)):
            at = tuple(slice(t * d, t * d + (n - 1) * s + 1, s)
                       for t, d, n, s in zip(taps, dilation, size, stride))
            y += np.einsum("nc...,oc->no...", xg[(slice(None), slice(None)) + at],
                           wg[(slice(None), slice(None)) + taps])
        parts.append(y)
    return np.concatenate(parts, 1) + b.reshape(1, -1, *[1] * rank)

def conv_transpose(x, w, b):
    full = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation)]
    parts = []
    for xg, wg in zip(split(x, 1), split(w, 0)):
        y = np.zeros((x.shape[0], wg.shape[1], *full))
        for taps in itertools.product(*map(range, kernel)):
            at = tuple(slice(t * d, t * d + (n - 1) * s + 1, s)
                       for t, d, n, s in zip(taps, dilation, x.shape[2:], stride))
            y[(slice(None), slice(None)) + at] += np.einsum(
                "nc...,co->no...", xg, wg[(slice(None), slice(None)) + taps])
        parts.append(y)
    crop = tuple(slice(b, n - e) for (b, e), n in zip(case["padding"], full))
    y = np.concatenate(parts, 1)[(slice(None), slice(None)) + crop]
    return y + b.reshape(1, -1, *[1] * rank)

if job == "make":
    random = np.random.default_rng(7)
    out = case["weight"][1] * groups if case["transposed"] else case["weight"][0]
    for name, shape in (("x", case["input"]), ("w", case["weight"]), ("b", [out])):
        np.save(f"{folder}/{name}.npy", random.standard_normal(shape).astype(case["dtype"]))
else:
    x, w, b = (np.load(f"{folder}/{name}.npy").astype("f8") for name in "xwb")
    expected = (conv_transpose if case["transposed"] else conv)(x, w, b)
    y = np.load(f"{folder}/y.npy")
    assert y.dtype == np.float32 and y.shape == expected.shape, (y.dtype, y.shape, expected.shape)
    print(np.abs(y - expected).max() / np.abs(expected).max())
`;

const CASES = [
  {
    layer: "conv2d",
    flags: ["--stride", "2,1", "--padding", "4,2", "--dilation", "3,1"],
    transposed: false,
    input: [5, 16, 50, 100],
    weight: [33, 16, 3, 5],
    kernel: [3, 5],
    stride: [2, 1],
    dilation: [3, 1],
    padding: [[4, 4], [2, 2]],
    groups: 1,
    mode: "zeros",
    dtype: "<f4",
  },
  {
    layer: "conv3d",
    flags: ["--padding", "1:0,2,1", "--padding-mode", "circular", "--groups", "2"],
    transposed: false,
    input: [2, 6, 4, 7, 9],
    weight: [10, 3, 2, 3, 3],
    kernel: [2, 3, 3],
    stride: [1, 1, 1],
    dilation: [1, 1, 1],
    padding: [[1, 0], [2, 2], [1, 1]],
    groups: 2,
    mode: "circular",
    dtype: "<f8",
  },
  {
    layer: "ConvTranspose1d",
    flags: ["--stride", "3", "--padding", "2", "--dilation", "2", "--groups", "3"],
    transposed: true,
    input: [3, 9, 40],
    weight: [9, 5, 4],
    kernel: [4],
    stride: [3],
    dilation: [2],
    padding: [[2, 2]],
    groups: 3,
    mode: "zeros",
    dtype: ">f4",
  },
] as const;

Deno.test({
  name: "run computes on arrays that NumPy saved what NumPy computes",
  ignore: !hasNumpy,
  async fn() {
    for (const { layer, flags, ...numbers } of CASES) {
      using folder = new TestFolder();
      const [x, w, b, y] = ["x.npy", "w.npy", "b.npy", "y.npy"].map((name) => folder.file(name));
      runPython(NUMPY, "make", folder.path, JSON.stringify(numbers));
      const files = [`--input=${x}`, `--weight=${w}`, `--bias=${b}`, `--output=${y}`];
      const { code, err } = await runMain("run", layer, ...files, ...flags);
      assertEquals([code, err], [0, ""]);
      const error = Number(runPython(NUMPY, "compare", folder.path, JSON.stringify(numbers)));
      assert(error <= 1e-5, `${layer} is off by ${error}`);
    }
  },
});

Deno.test("run works as a process of its own that may only read and write", async () => {
  using folder = new TestFolder();
  const input = Tensor.randn([2, 4, 30], { seed: 3 });
  await writeNpy(folder.file("x.npy"), input);
  const { code, out, err } = await spawnMain(
    ["run", "conv1d", "--input", "x.npy", "--output", "y.npy", "--out-channels", "5"]
      .concat(["--kernel-size", "3", "--stride", "2", "--seed", "11"]),
    folder.path,
  );
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "output   [2, 5, 14], y.npy\n");
  assertMatch(
    out,
    /\ntime +\S+ (s|ms|µs), one call\nspeed +\S+ GFLOP\/s\nthreads +\d+\nbackend +wasm \(.+\)\n$/,
  );
  const expected = await new Conv1d(4, 5, 3, { stride: 2, seed: 11 }).forward(input);
  assertEquals((await readNpy(folder.file("y.npy"))).data, expected.data);
  assertEquals(folder.names(), ["x.npy", "y.npy"]);
});

Deno.test("run draws weights and input from the seed, the same for the same seed", async () => {
  using folder = new TestFolder();
  const output = async (seed: string) => {
    const layer = ["conv2d", "--out-channels", "2", "--kernel-size", "3", "--padding", "same"];
    const path = folder.file("y.npy");
    const { code } = await runMain(
      "run",
      ...layer,
      ...["--input-shape", "3,8,8", "--seed", seed, "--output", path],
    );
    assertEquals(code, 0);
    return [...(await readNpy(path)).data];
  };
  const first = await output("1");
  assertEquals(await output("1"), first);
  assert(String(await output("2")) !== String(first));
});

Deno.test("run --json prints the figures, those of --repeat too", async () => {
  const figures = await runJson(
    ...["run", "convtranspose2d", "--input-shape", "1,4,6,6", "--out-channels", "4"],
    ...["--kernel-size", "3", "--stride", "2", "--padding", "1", "--output-size", "12"],
    ...["--repeat", "3", "--threads", "1", "--backend", "wasm"],
  );
  const { seconds, gflops, layer, values, ...rest } = figures;
  assertEquals(rest, {
    weight: null,
    bias: null,
    hasBias: true,
    seed: 0,
    input: null,
    output: null,
    inputShape: [1, 4, 6, 6],
    outputShape: [1, 4, 12, 12],
    repeat: 3,
    threads: 1,
    backend: "wasm",
    instructionSet: "wasm",
  });
  assert(typeof seconds === "number" && seconds > 0 && typeof gflops === "number" && gflops > 0);
  assertStringIncludes(String(layer), "ConvTranspose2d(4, 4, ");
  assertMatch(
    JSON.stringify(values),
    /^\{"minimum":-\d[\d.e-]*,"mean":-?\d[\d.e-]*,"maximum":\d[\d.e-]*,"nonFinite":0\}$/,
  );
});

Deno.test("run has no bias with a weight file and no bias file", async () => {
  using folder = new TestFolder();
  const x = folder.file("x.npy");
  const w = folder.file("w.npy");
  const y = folder.file("y.npy");
  await writeNpy(x, Tensor.from([[1, 2, 3, 4]]));
  await writeNpy(w, Tensor.from([[[1, -1]]]));
  assertEquals(
    (await runMain("run", "conv1d", "--input", x, "--weight", w, "--output", y)).code,
    0,
  );
  assertEquals([...(await readNpy(y)).data], [-1, -1, -1]);
});

Deno.test("run keeps an empty batch empty", async () => {
  using folder = new TestFolder();
  const layer = ["conv1d", "--out-channels", "2", "--kernel-size", "3"];
  const y = folder.file("y.npy");
  const { code, out } = await runMain("run", ...layer, "--input-shape", "0,3,8", "--output", y);
  assertEquals(code, 0);
  assertStringIncludes(out, "0.00 GFLOP/s");
  assertEquals((await readNpy(y)).shape, [0, 2, 6]);
});

Deno.test("run names what is wrong with its files in one line and writes nothing", async () => {
  using folder = new TestFolder();
  const file = (name: string) => folder.file(name);
  await writeNpy(file("x.npy"), Tensor.ones([1, 3, 8, 8]));
  await writeNpy(file("w.npy"), Tensor.ones([4, 3, 3, 3]));
  await writeNpy(file("w1.npy"), Tensor.ones([4, 3, 3]));
  await writeNpy(file("b.npy"), Tensor.ones([5]));
  Deno.writeTextFileSync(file("text.npy"), "1 2 3");
  Deno.writeFileSync(file("cut.npy"), Deno.readFileSync(file("x.npy")).subarray(0, 200));
  const complex = Deno.readFileSync(file("x.npy"));
  const header = new TextDecoder("latin1").decode(complex.subarray(0, 128));
  complex.set(new TextEncoder().encode("<c8"), header.indexOf("<f4"));
  Deno.writeFileSync(file("complex.npy"), complex);
  const before = folder.names();
  const x = ["--input", file("x.npy")];
  const w = ["--weight", file("w.npy")];
  const sizes = ["--out-channels", "4", "--kernel-size", "3"];
  const y = ["--output", file("y.npy")];
  const cases: readonly [string[], string][] = [
    [["--input", file("none.npy"), ...w, ...y], "there is no such file or folder"],
    [["--input", folder.path, ...w, ...y], "it is a folder"],
    [["--input", file("text.npy"), ...w, ...y], "it is none of the files that are known"],
    [["--input", file("cut.npy"), ...w, ...y], "it ends early"],
    [["--input", file("complex.npy"), ...w, ...y], "it holds complex numbers"],
    [
      ["--input", file("b.npy"), ...w, ...y],
      "Conv2d takes inputs (N, C, H, W) or (C, H, W), of 4 or 3 axes, but this one has 1: [5]",
    ],
    [[...x, "--weight", file("w1.npy"), ...y], "the weight of Conv2d has 4 axes, but the file has"],
    [[...x, ...w, "--kernel-size", "5", ...y], "has shape [4, 3, 5, 5], but the file has [4, 3, 3"],
    [[...x, ...w, "--bias", file("b.npy"), ...y], "has shape [4], but the file has [5]"],
    [[...x, ...sizes, "--in-channels", "4", ...y], "input has 3 channels"],
    [[...x, ...w, "--groups", "2", ...y], "input has 3 channels"],
    [[...x, ...w, "--padding", "9", "--padding-mode", "reflect", ...y], "by at most 7"],
    [[...x, ...w, "--dilation", "9", ...y], "the kernel spans 19 but the padded input only 8"],
    [[...x, ...w, "--output", file("no/y.npy")], "Cannot write"],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await runMain("run", "conv2d", ...args);
    assertEquals([code, out], [1, ""], err);
    assertMatch(err, /^error: [^\n]+\n$/);
    assertStringIncludes(err, message);
    assertEquals(folder.names(), before);
  }
});

Deno.test("run says what is wrong with its arguments", async () => {
  using folder = new TestFolder();
  const b = folder.file("b.npy");
  await writeNpy(b, Tensor.ones([4]));
  const shape = ["--input-shape", "1,3,8,8"];
  const sizes = ["--out-channels", "4", "--kernel-size", "3"];
  const cases: readonly [string[], string][] = [
    [sizes, 'Name the file to read, or the "--input-shape" of random values'],
    [[...shape, ...sizes, "--input", b], `Option "--input-shape" is in place of the input "${b}"`],
    [[...shape, ...sizes, "--bias", b, "--no-bias"], "exclude each other"],
    [[...shape, "--kernel-size", "3"], 'Option "--out-channels" is missing'],
    [[...shape, ...sizes, "--repeat", "0"], 'Option "--repeat" must be from 1'],
    [[...shape, ...sizes, "--groups", "2"], "must be divisible by groups"],
    [["--input-shape", "1,3,1,1", ...sizes], "the kernel spans 3"],
    [["--input-shape", "99999,99999,9,9", ...sizes], "more than the 16.0 GiB"],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runMain("run", "conv2d", ...args);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
});

Deno.test("run takes several inputs, by --input and behind the layer, into a folder", async () => {
  using folder = new TestFolder();
  Deno.mkdirSync(folder.file("out"));
  const names = ["a.npy", "b.npy", "c.npy"];
  const arrays = names.map((_, seed) => Tensor.randn([2, 7 + seed], { seed }));
  for (const [index, array] of arrays.entries()) {
    await writeNpy(folder.file(names[index] ?? ""), array);
  }
  const [a = "", b = "", c = ""] = names.map((name) => folder.file(name));
  const layer = ["conv1d", "--out-channels", "3", "--kernel-size", "3", "--seed", "4"];
  const args = ["run", ...layer, "--input", a, "--input", b, c, "--output", folder.file("out")];
  const { code, out, err } = await runMain(...args);
  assertEquals([code, err], [0, ""]);
  assertEquals(out.match(/^layer .*$/gm)?.length, 3);
  const reference = new Conv1d(2, 3, 3, { seed: 4 });
  for (const [index, array] of arrays.entries()) {
    const result = await readNpy(folder.file(`out/${names[index]}`));
    assertEquals(result.data, (await reference.forward(array)).data);
  }
  const figures: readonly Record<string, unknown>[] = JSON.parse(
    (await runMain(...args, "--json")).out,
  );
  assertEquals(figures.map((each) => each["input"]), [a, b, c]);
});

Deno.test("run checks all inputs before it writes the first output", async () => {
  using folder = new TestFolder();
  Deno.mkdirSync(folder.file("out"));
  await writeNpy(folder.file("a.npy"), Tensor.ones([2, 9]));
  await writeNpy(folder.file("b.npy"), Tensor.ones([3, 9]));
  const { code, err } = await runMain(
    ...["run", "conv1d", folder.file("a.npy"), folder.file("b.npy"), "--out-channels", "3"],
    ...["--kernel-size", "3", "--output", folder.file("out")],
  );
  assertEquals(code, 1);
  assertStringIncludes(
    err,
    `b.npy": Conv1d: input has 3 channels (shape [3, 9]), but the layer is`,
  );
  assertEquals([...Deno.readDirSync(folder.file("out"))], []);
});

Deno.test("run says what is drawn, and what the values of the output are like", async () => {
  using folder = new TestFolder();
  const [x, w, b] = ["x.npy", "w.npy", "b.npy"].map((name) => folder.file(name));
  await writeNpy(x ?? "", Tensor.from([[1, 2, NaN, 4]]));
  await writeNpy(w ?? "", Tensor.from([[[2]]]));
  await writeNpy(b ?? "", Tensor.from([1]));
  const lines = async (...args: (string | undefined)[]) =>
    (await runMain("run", "conv1d", ...args.map((arg) => arg ?? ""))).out;
  const given = await lines(x, "--weight", w, "--bias", b);
  assertMatch(given, /^weight +.*w\.npy\nbias +.*b\.npy\ninput +\[1, 4\], .*x\.npy$/m);
  assertMatch(given, /^values +minimum 3, mean 5\.667, maximum 9; NaN or infinite: 1$/m);
  assertMatch(await lines(x, "--weight", w), /^bias +none$/m);
  const sizes = ["--out-channels", "2", "--kernel-size", "1", "--seed", "7"];
  const drawn = await lines("--input-shape", "1,5", ...sizes);
  assertMatch(
    drawn,
    /^weight +drawn, seed 7\nbias +drawn, seed 7\ninput +\[1, 5\], drawn, seed 7$/m,
  );
  const { values, seed, weight } = await runJson("run", "conv1d", x ?? "", "--weight", w ?? "");
  assertEquals(values, { minimum: 2, mean: 14 / 3, maximum: 8, nonFinite: 1 });
  assertEquals([seed, weight], [null, w]);
});

Deno.test("run takes weight and bias of a layer from a file of tensors by name", async () => {
  using folder = new TestFolder();
  const x = Tensor.randn([1, 3, 8, 8], { seed: 1 });
  await writeNpy(folder.file("x.npy"), x);
  // As the process has it.
  using engine = new Engine({ backend: "wasm" });
  const first = new Conv2d(3, 4, 3, { seed: 1, engine });
  const second = new Conv2d(3, 2, 5, { seed: 2, engine });
  const dict = stateDicts({ "features.0": first, "features.3": second });
  for (const [name, write] of [["a.pt", writeTorch], ["a.npz", writeNpz]] as const) {
    await write(folder.file(name), dict);
    for (const [prefix, layer] of [["features.0", first], ["features.3", second]] as const) {
      const words = ["run", "conv2d", "x.npy", "--weights", name, "--name", prefix];
      const { code, out, err } = await spawnMain([...words, "--output", "y.npy"], folder.path);
      assertEquals([code, err], [0, ""]);
      assertStringIncludes(
        out,
        `\nweight   ${name}, ${prefix}.weight\nbias     ${name}, ${prefix}.bias\n`,
      );
      const expected = await layer.forward(x);
      assertEquals((await readNpy(folder.file("y.npy"))).data, expected.data);
    }
  }
});

Deno.test("run leaves the bias of --weights out with --no-bias, and folds weight normalisation", async () => {
  using folder = new TestFolder();
  const [x, y, w] = ["x.npy", "y.npy", "w.safetensors"].map((name) => folder.file(name));
  await writeNpy(`${x}`, Tensor.from([[1, 1]]));
  await writeSafetensors(`${w}`, {
    "conv.weight_g": Tensor.from([[[10]]]),
    "conv.weight_v": Tensor.from([[[3, 4]]]),
    "conv.bias": Tensor.from([0.5]),
    "fc.weight": Tensor.ones([2, 2]),
  });
  const words = ["run", "conv1d", `${x}`, "--weights", `${w}`, "--output", `${y}`];
  assertEquals((await runMain(...words)).code, 0);
  assertEquals([...(await readNpy(`${y}`)).data], [14.5]);
  assertEquals((await runMain(...words, "--no-bias")).code, 0);
  assertEquals([...(await readNpy(`${y}`)).data], [14]);
});

Deno.test("run takes pictures and sounds, and gives them", async () => {
  using folder = new TestFolder();
  const file = (name: string) => folder.file(name);
  const run = async (...words: readonly string[]) => {
    const { code, err } = await runMain("run", ...words);
    assertEquals([code, err], [0, ""]);
  };
  // A kernel that moves everything by one.
  const shift = ["--weight", file("shift.npy"), "--groups", "3"];
  await writeNpy(file("shift.npy"), Tensor.from(new Array(3).fill([[[1, 0]]])));
  const pixels = Tensor.uniform([3, 9, 7], { seed: 1 });
  Deno.writeFileSync(file("a.jpg"), encodeJpeg({ pixels }, { quality: 95 }));
  const { pixels: read } = await readJpeg(file("a.jpg"));
  const cut = Tensor.from(
    Array.from(
      { length: 3 },
      (_, channel) =>
        Array.from(
          { length: 9 },
          (_, row) => [...read.data.subarray((channel * 9 + row) * 7, (channel * 9 + row) * 7 + 6)],
        ),
    ),
  );
  await run("conv2d", file("a.jpg"), ...shift, "--output", file("b.png"));
  assertEquals((await readPng(file("b.png"))).pixels.data, cut.data);
  await run("conv2d", file("a.jpg"), ...shift, "--output", file("c.jpg"));
  assertEquals((await readJpeg(file("c.jpg"))).pixels.shape, [3, 9, 6]);
  await run("conv2d", file("a.jpg"), ...shift, "--output", file("d.pt"));
  assertEquals((await readTorch(file("d.pt")))["output"]?.data, cut.data);

  const samples = Tensor.from([[0.5, 1, -1, 0.25, 0, 0.75]]);
  Deno.writeFileSync(file("a.wav"), encodeWav({ samples, sampleRate: 16_000 }));
  await writeNpy(file("louder.npy"), Tensor.from([[[2]]]));
  const louder = ["--weight", file("louder.npy"), "--stride", "2"];
  await run("conv1d", file("a.wav"), ...louder, "--output", file("b.wav"));
  const sound = await readWav(file("b.wav"));
  const stored = (await readWav(file("a.wav"))).samples.data;
  assertEquals(sound.sampleRate, 8000);
  assertEquals([...sound.samples.data], [0, 2, 4].map((at) => 2 * (stored[at] ?? NaN)));
  await run("convtranspose1d", file("a.wav"), ...louder, "--output", file("c.wav"));
  assertEquals((await readWav(file("c.wav"))).sampleRate, 32_000);
  const rate = ["--sample-rate", "44100", "--output", file("d.wav")];
  await run("conv1d", file("a.wav"), ...louder, ...rate);
  assertEquals((await readWav(file("d.wav"))).sampleRate, 44_100);
});

Deno.test("run writes outputs in a folder, and on standard output, in the form of --format", async () => {
  using folder = new TestFolder();
  Deno.mkdirSync(folder.file("out"));
  const samples = Tensor.uniform([2, 9], { seed: 1 });
  for (const name of ["a.wav", "b.wav"]) {
    Deno.writeFileSync(folder.file(name), encodeWav({ samples, sampleRate: 8000 }));
  }
  const layer = "--out-channels 2 --kernel-size 3";
  const line = [
    `tileconv run conv1d a.wav b.wav ${layer} --output out --format wav`,
    `tileconv run conv1d a.wav ${layer} --output out`,
    `tileconv run conv1d - ${layer} --output - --format wav < a.wav > c.wav`,
  ].join(" && ");
  const { code, err } = await runShell(line, folder.path);
  assertEquals(code, 0, err);
  assertEquals([...Deno.readDirSync(folder.file("out"))].map(({ name }) => name).sort(), [
    "a.npy",
    "a.wav",
    "b.wav",
  ]);
  const { data } = (await readWav(folder.file("out/a.wav"))).samples;
  assertEquals((await readNpy(folder.file("out/a.npy"))).data, data);
  assertEquals((await readWav(folder.file("c.wav"))).samples.data, data);
});

Deno.test({
  name: "run computes with what torch.save() wrote what PyTorch computes",
  ignore: !hasTorch,
  async fn() {
    using folder = new TestFolder();
    runTorch(
      `
import sys, torch
torch.manual_seed(0)
conv = torch.nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, groups=2)
up = torch.nn.utils.weight_norm(torch.nn.ConvTranspose2d(6, 3, 3, stride=2))
net = torch.nn.Sequential(conv, torch.nn.BatchNorm2d(6), up).eval()
x = torch.randn(2, 4, 9, 9)
torch.save({"model": net.state_dict(), "epoch": 3}, sys.argv[1] + "/net.pt")
y = conv(x)
torch.save({"x": x, "y": y, "z": up(y)}, sys.argv[1] + "/data.pt")
`,
      folder.path,
    );
    const [net, data, y, z] = ["net.pt", "data.pt", "y.npy", "z.npy"].map((n) => folder.file(n));
    const steps = [
      ["conv2d", "x", "model.0", ["--stride", "2", "--padding", "1", "--groups", "2"], y],
      ["convtranspose2d", "y", "model.2", ["--stride", "2"], z],
    ] as const;
    for (const [layer, name, prefix, flags, output] of steps) {
      const words = [layer, `${data}`, "--input-name", name, "--weights", `${net}`, ...flags];
      const ending = await runMain("run", ...words, "--name", prefix, "--output", `${output}`);
      assertEquals([ending.code, ending.err], [0, ""]);
      const expected = folder.file("expected.npy");
      await runMain("convert", `${data}`, expected, "--name", name === "x" ? "y" : "z");
      const { code, out } = await runMain("compare", `${output}`, expected, "--tolerance", "1e-5");
      assertEquals(code, 0, out);
    }
  },
});

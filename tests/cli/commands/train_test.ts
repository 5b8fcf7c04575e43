import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../../src/cli/main.ts";
import { readPng, writePng } from "../../../src/io/pictures/png.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { TestFolder } from "../../_folder.ts";
import { runJson, runMain } from "../_cli.ts";

const QUICK = ["--patch", "16", "--batch", "2", "--threads", "1"];

/** A folder of small pictures. */
async function pictureFolder(count: number): Promise<TestFolder> {
  const folder = new TestFolder();
  Deno.mkdirSync(folder.file("photos"));
  for (let seed = 0; seed < count; seed++) {
    const pixels = Tensor.uniform([3, 20, 24], { seed });
    await writePng(folder.file(`photos/${seed}.png`), { pixels, bitDepth: 8 });
  }
  return folder;
}

Deno.test("train denoise writes its weights and a picture, and prints a line for each picture", async () => {
  using folder = await pictureFolder(6);
  const args = ["train", "denoise", folder.file("photos"), ...QUICK, "--steps", "3"];
  const { code, out, err } = await runMain(...args, "--out", folder.file("out"));
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^PSNR in dB +noisy +blur +network\n[- ]+\n.*photos.*\nmean( +\d+\.\d\d){3}\n/);
  assertMatch(
    out,
    /\npictures +5 to train on, 1 for the test\nnoise +25 of 255\nblur +Gaussian of/,
  );
  assertMatch(out, /\nsteps +3 of 2 patches of 16 x 16 pixels\n/);
  assertEquals([...Deno.readDirSync(folder.file("out"))].map(({ name }) => name).sort(), [
    "denoise.npz",
    "denoise.png",
  ]);
  assertEquals((await readPng(folder.file("out/denoise.png"))).pixels.shape, [3, 798, 1208]);
  const [source, target] = [folder.file("photos/0.png"), folder.file("clean.png")];
  const weights = ["--weights", folder.file("out/denoise.npz")];
  const filtered = await runMain("filter", "denoise", source, target, ...weights);
  assertEquals([filtered.code, filtered.err], [0, ""]);
  const [before, after] = [(await readPng(source)).pixels, (await readPng(target)).pixels];
  assertEquals(after.shape, before.shape);
  assert(after.data.some((value, i) => value !== before.data[i]));
});

Deno.test("train denoise takes the folder that it writes to, and leaves its own picture out", async () => {
  using folder = await pictureFolder(3);
  const photos = folder.file("photos");
  const args = ["train", "denoise", photos, ...QUICK, "--steps", "2", "--out", photos];
  const first = await runJson(...args);
  const { mean, pictures } = await runJson(...args, "--resume");
  assertEquals([mean, pictures], [first["mean"], first["pictures"]]);
});

Deno.test("train denoise --json prints the figures", async () => {
  using folder = await pictureFolder(4);
  const paths = [0, 1].map((index) => folder.file(`photos/${index}.png`));
  const { seconds, secondsPerStep, mean, pictures, blurDeviation, instructionSet, ...rest } =
    await runJson(
      ...["train", "denoise", ...paths, ...QUICK, "--steps", "2", "--noise", "50.5"],
      ...["--backend", "wasm", "--out", folder.file("out")],
    );
  assertEquals(rest, { steps: 2, threads: 1, backend: "wasm" });
  for (const figure of [seconds, secondsPerStep, blurDeviation]) {
    assert(typeof figure === "number" && figure > 0);
  }
  assertEquals(instructionSet, "wasm");
  const listed: readonly Record<string, unknown>[] = Array.isArray(pictures) ? pictures : [];
  assertEquals(listed.length, 1);
  const { name, ...ratios } = listed[0] ?? {};
  assert(paths.some((path) => path === name));
  assertEquals(ratios, mean);
  assertEquals(Object.keys(ratios), ["noisy", "blurred", "network"]);
});

Deno.test({
  name: "Ctrl-C leaves a training that ends in the same bits as one that nobody left",
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = await pictureFolder(2);
    const flags = ["--patch", "20", "--batch", "8", "--steps", "80", "--backend", "wasm"];
    const argsOf = (out: string) => [
      ...["train", "denoise", folder.file("photos"), ...flags, "--out", folder.file(out)],
    ];
    const entry = new URL("../../../src/cli/main.ts", import.meta.url).href;
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-RW", entry, ...argsOf("left")],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const wait = (milliseconds: number) =>
      new Promise((resolve) => setTimeout(resolve, milliseconds));
    while (!folder.names().includes("left")) await wait(5);
    await wait(100);
    process.kill("SIGINT");
    const { code, stderr } = await process.output();
    assertEquals(code, 130);
    assertMatch(new TextDecoder().decode(stderr), /Saved after step \d+; go on with --resume/);
    const filesOf = (out: string) =>
      [...Deno.readDirSync(folder.file(out))].map(({ name }) => name);
    assertEquals(filesOf("left"), ["denoise.npz"]);
    assertEquals((await runMain(...argsOf("left"), "--resume")).code, 0);
    assertEquals((await runMain(...argsOf("whole"))).code, 0);
    for (const name of ["denoise.npz", "denoise.png"]) {
      const [left, whole] = [folder.file(`left/${name}`), folder.file(`whole/${name}`)]
        .map((path) => Deno.readFileSync(path).toHex());
      assert(left === whole, `${name} differs`);
    }
  },
});

Deno.test("train denoise --resume goes on with the training that was left, and with no other", async () => {
  using folder = await pictureFolder(3);
  const train = (out: string, ...more: readonly string[]) =>
    runMain(
      ...["train", "denoise", folder.file("photos"), ...QUICK, "--out", folder.file(out), ...more],
    );
  const { code, err } = await train("a", "--steps", "2", "--resume");
  assertEquals(code, 1);
  assertStringIncludes(err, "there is no such file or folder");
  assertEquals((await train("a", "--steps", "2")).code, 0);
  const weights = Deno.readFileSync(folder.file("a/denoise.npz"));
  assertEquals((await train("a", "--steps", "2", "--resume")).code, 0);
  assertEquals(Deno.readFileSync(folder.file("a/denoise.npz")), weights);
  await writePng(folder.file("photos/3.png"), { pixels: Tensor.ones([3, 16, 16]), bitDepth: 8 });
  for (const more of [["--steps", "3"], ["--steps", "2", "--seed", "1"], ["--steps", "2"]]) {
    const ending = await train("a", ...more, "--resume");
    assertEquals([ending.code, ending.out], [1, ""]);
    assertStringIncludes(ending.err, "it is of a training with other settings");
  }
  assertEquals(Deno.readFileSync(folder.file("a/denoise.npz")), weights);
});

Deno.test("train denoise shows its loss and the ratio on a terminal", async () => {
  using folder = await pictureFolder(2);
  let drawn = "";
  const write = (text: string) => (drawn += text, true);
  const args = ["train", "denoise", folder.file("photos"), ...QUICK, "--steps", "2"];
  const terminal = { isTTY: true, columns: 200, write };
  const output = { print: () => {}, warn: () => {}, terminal };
  assertEquals(await main([...args, "--out", folder.file("out")], output), 0);
  assertMatch(drawn, /2 of 2 steps, .*, loss \d\.\d{3}, \d\d\.\d\d dB/);
});

Deno.test("train says what is wrong with its arguments", async () => {
  const cases: readonly [string[], string][] = [
    [[], "Name a training: digits or denoise"],
    [["denoize"], 'Unknown training "denoize", did you mean "denoise"?'],
    [["digits", "more"], 'Unexpected argument "more"'],
    [["digits", "--noise", "3"], 'Training digits has no option "--noise"'],
    [["denoise", "photos", "--epochs", "3"], 'Training denoise has no option "--epochs"'],
    [["denoise"], "Name a folder of pictures to train on"],
    [["denoise", "photos", "--patch", "15"], '"--patch" must be from 16 to 512, but is 15'],
    [["denoise", "photos", "--noise", "0"], '"--noise" must be a number from 1 to 255'],
    [["denoise", "photos", "--steps", "0"], '"--steps" must be from 1 to 1048576, but is 0'],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runMain("train", ...args);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
});

Deno.test("train denoise says in one line what is wrong with its pictures, and writes nothing", async () => {
  using folder = await pictureFolder(1);
  for (const name of ["empty", "large"]) Deno.mkdirSync(folder.file(name));
  await writePng(folder.file("large/a.png"), { pixels: Tensor.ones([1, 40, 40]), bitDepth: 8 });
  Deno.writeTextFileSync(folder.file("text.png"), "not a picture");
  const before = folder.names();
  const huge = ["--patch", "16", "--batch", "10000", "--memory", "300M"];
  const cases: readonly [string, string[], string][] = [
    ["none", [], "there is no such file or folder"],
    ["empty", [], "There is no PNG or JPEG picture in"],
    ["text.png", [], "it is not a PNG file"],
    ["photos", [], "No picture is as large as a patch of 40 x 40 pixels"],
    ["photos", ["--patch", "16"], "too small to hold out a part of it for the test"],
    ["large", huge, "allow more with --memory"],
  ];
  for (const [name, flags, message] of cases) {
    const { code, out, err } = await runMain("train", "denoise", folder.file(name), ...flags);
    assertEquals([code, out], [1, ""]);
    assertStringIncludes(err, message);
    assertMatch(err, /^(warning: [^\n]+\n)*error: [^\n]+\n$/);
    assertEquals(folder.names(), before);
  }
});

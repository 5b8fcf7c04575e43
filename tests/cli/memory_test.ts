import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import type { Arguments } from "../../src/cli/args.ts";
import { checkMemory, engineBytes, memoryLimit } from "../../src/cli/memory.ts";
import { writeNpy } from "../../src/io/arrays/npy.ts";
import { writeSafetensors } from "../../src/io/arrays/safetensors.ts";
import { writeJpeg } from "../../src/io/pictures/jpeg.ts";
import { writePng } from "../../src/io/pictures/png.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TestFolder } from "../_folder.ts";
import { makePng } from "../io/pictures/_png.ts";
import { runJson, runMain, spawnMain } from "./_cli.ts";

const MIB = 2 ** 20;

function argumentsOf(values: Readonly<Record<string, string>>): Arguments {
  return {
    positionals: [],
    values: new Map(Object.entries(values)),
    lists: new Map(),
    switches: new Set(),
  };
}

Deno.test("--memory is a size in bytes, or in K, M, G or T", () => {
  const cases = {
    "536870912": 512,
    "524288K": 512,
    "512M": 512,
    "512m": 512,
    "512MB": 512,
    "512MiB": 512,
    "1.5G": 1536,
    "2 GiB": 2048,
    "1T": MIB,
  };
  for (const [memory, mebibytes] of Object.entries(cases)) {
    assertEquals(memoryLimit(argumentsOf({ memory })).bytes, mebibytes * MIB, memory);
  }
});

Deno.test("Every command that computes says what is wrong with --memory", async () => {
  const cases: readonly [string, string][] = [
    ["lots", 'Option "--memory" needs a size such as 512M or 2G, but has "lots"'],
    ["2X", "needs a size such as 512M or 2G"],
    ["-1G", "needs a size such as 512M or 2G"],
    ["1e9", "needs a size such as 512M or 2G"],
    ["99999999T", 'Option "--memory" must be at most 8191T, but is 99999999T'],
    ["100M", 'Option "--memory" must be at least 256 MiB, but is 100 MiB'],
    ["0", "must be at least 256 MiB, but is 0 bytes"],
  ];
  const layer = ["conv1d", "--input-shape", "1,8", "--out-channels", "1", "--kernel-size", "3"];
  for (const [memory, message] of cases) {
    for (
      const command of [
        ["run", ...layer],
        ["explain", ...layer],
        ["filter", "blur", "a.png", "b.png"],
        ["upscale", "a.png", "b.png"],
        ["check"],
        ["info"],
        ["demo"],
        ["convert", "a.npy", "b.npz"],
        ["compare", "a.npy", "b.npy"],
        ["show", "a.npy"],
      ]
    ) {
      const { code, out, err } = await runMain(...command, "--memory", memory);
      assertEquals([code, out], [2, ""]);
      assertMatch(err, /^error: [^\n]+\n$/);
      assertStringIncludes(err, message);
    }
  }
});

Deno.test("--memory is shared out to the engine too, 4 GiB without it", async () => {
  const figures = await runJson("info", "--memory", "1G");
  assertEquals([figures["memoryLimit"], figures["memory"]], [1024 * MIB, 256 * MIB]);
  assertMatch(
    (await runMain("info", "--threads", "2")).out,
    /^memory +4\.00 GiB at most, 1\.00 GiB of it shared by the threads$/m,
  );
});

Deno.test("checkMemory() names a limit that is enough, and not much more than that", () => {
  for (const memory of ["256M", "1G", "9G", "40G"]) {
    for (const arrays of [40, 900, 3000, 12_345, 60_000].map((size) => size * MIB)) {
      const limit = memoryLimit(argumentsOf({ memory, threads: "2" }));
      const taken = limit.processBytes + engineBytes(limit) + arrays;
      if (taken <= limit.bytes) {
        checkMemory(limit, "This", arrays);
        continue;
      }
      const { message } = assertThrows(() => checkMemory(limit, "This", arrays), Error);
      const [, enough = ""] = /--memory (\S+)$/.exec(message) ?? [];
      const larger = memoryLimit(argumentsOf({ memory: enough, threads: "2" }));
      checkMemory(larger, "This", arrays);
      assert(larger.bytes < 1.5 * (arrays + limit.processBytes) + 1024 * MIB);
    }
  }
});

Deno.test("Threads count as memory", async () => {
  const { code, err } = await runMain("info", "--threads", "64", "--memory", "1G");
  assertEquals(code, 1);
  assertMatch(
    err,
    /^error: The process with its threads takes \S+ GiB, more than the 1.00 GiB of memory .* allow more with --memory \d+M\n$/,
  );
});

/** A file that begins as a picture of this size, and goes on with nothing that could be one. */
function hollowPng(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(100_000);
  bytes.set(makePng({ width, height, bitDepth: 8, colorType: 2, lines: [[1, 2, 3]] }));
  return bytes;
}

Deno.test("filter refuses from the header what would take more than --memory, and writes nothing", async () => {
  using folder = new TestFolder();
  const [source, target] = [folder.file("a.png"), folder.file("b.png")];
  Deno.writeFileSync(source, hollowPng(9000, 2500));
  const { code, out, err } = await runMain("filter", "blur", source, target, "--memory", "256M");
  assertEquals([code, out], [1, ""]);
  assertMatch(
    err,
    /^error: Filter blur of 9000 x 2500 pixels takes \S+ MiB, more than the 256 MiB of memory that may be asked for; allow more with --memory \d+M\n$/,
  );
  assertEquals(folder.names(), ["a.png"]);
  assertStringIncludes((await runMain("filter", "blur", source, target)).err, "Cannot read");
});

Deno.test("run refuses what would take more than --memory, from shapes and from headers", async () => {
  using folder = new TestFolder();
  const [x, y] = [folder.file("x.npy"), folder.file("y.npy")];
  await writeNpy(x, Tensor.zeros([1, 1, 300, 300]));
  const layer = ["conv2d", "--out-channels", "700", "--kernel-size", "3", "--memory", "300M"];
  for (const source of [["--input", x], ["--input-shape", "1,1,300,300"]]) {
    const { code, out, err } = await runMain("run", ...layer, ...source, "--output", y);
    assertEquals([code, out], [1, ""]);
    assertMatch(
      err,
      /^error: Conv2d takes \S+ MiB, more than the 300 MiB of memory .*; allow more with --memory \d+M\n$/,
    );
  }
  assertEquals(folder.names(), ["x.npy"]);
  const huge = ["conv2d", "--out-channels", "1", "--kernel-size", "3"];
  const { code, err } = await runMain("run", ...huge, "--input-shape", "1,1,90000,40000");
  assertEquals(code, 1);
  assertStringIncludes(err, "more than the 4.00 GiB of memory that may be asked for");
});

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** The most memory that a process of this command line ever had, in bytes. */
async function peakOf(folder: TestFolder, args: readonly string[]): Promise<number> {
  const entry = new URL("../../src/cli/main.ts", import.meta.url).href;
  const probe = folder.file("probe.ts");
  Deno.writeTextFileSync(
    probe,
    `import { main } from ${JSON.stringify(entry)};
     Deno.exitCode = await main(Deno.args);
     console.log(Deno.readTextFileSync("/proc/self/status").match(/VmHWM:\\s+(\\d+) kB/)[1]);`,
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", CONFIG, probe, ...args],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout).trim().split("\n").at(-1)) * 1024;
}

Deno.test({
  name: "No command has more memory than --memory says",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using folder = new TestFolder();
    const picture = folder.file("a.png");
    await writePng(picture, {
      pixels: Tensor.uniform([3, 600, 800], { seed: 1 }),
      bitDepth: 8,
    });
    const pictures = Array.from({ length: 8 }, (_, index) => folder.file(`${index}.png`));
    const large = { pixels: Tensor.uniform([3, 1200, 1600], { seed: 2 }), bitDepth: 8 } as const;
    for (const path of pictures) await writePng(path, large);
    Deno.mkdirSync(folder.file("outputs"));
    const output = folder.file("out");
    const photo = folder.file("a.jpg");
    await writeJpeg(photo, { pixels: Tensor.uniform([3, 1600, 2000], { seed: 3 }) });
    const model = folder.file("a.safetensors");
    const weights = { x: Tensor.zeros([2 ** 23]), y: Tensor.zeros([2 ** 23]) };
    await writeSafetensors(model, weights, { dtype: "float16" });
    const converted = folder.file("b.pt");
    const shape = [
      "conv2d",
      "--kernel-size",
      "3",
      "--padding",
      "1",
      "--input-shape",
      "1,8,512,512",
    ];
    const thin = ["conv2d", "--kernel-size", "1", "--input-shape", "1,1,512,512"];
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["288M", ["filter", "upscale", picture, output, "--scale", "6"]],
      ["288M", ["filter", "blur", picture, output, "--radius", "12"]],
      ["420M", ["filter", "blur", ...pictures, folder.file("outputs")]],
      ["288M", ["run", ...shape, "--out-channels", "16", "--output", output]],
      ["288M", ["run", ...thin, "--out-channels", "48", "--repeat", "20"]],
      ["288M", ["check", "--count", "60"]],
      ["360M", ["filter", "blur", photo, output]],
      ["700M", ["convert", model, converted]],
      ["520M", ["show", model]],
      ["700M", ["compare", model, converted]],
    ];
    for (const [memory, args] of cases) {
      const limit = memoryLimit(argumentsOf({ memory, threads: "2" })).bytes;
      const computes = !["convert", "show", "compare"].includes(args[0] ?? "");
      const threads = computes ? ["--threads", "2"] : [];
      const peak = await peakOf(folder, [...args, ...threads, "--memory", memory]);
      assert(peak <= limit, `${args.slice(0, 2).join(" ")} had ${Math.round(peak / MIB)} MiB`);
    }
  },
});

Deno.test("filter reads a picture from a pipe", {
  ignore: Deno.build.os === "windows",
}, async () => {
  using folder = new TestFolder();
  await writePng(folder.file("a.png"), { pixels: Tensor.ones([3, 40, 30]), bitDepth: 8 });
  const entry = new URL("../../src/cli/main.ts", import.meta.url).pathname;
  const command = `cat a.png | "${Deno.execPath()}" run -A "${entry}" ` +
    `filter blur /dev/stdin b.png`;
  const { code } = await new Deno.Command("sh", { args: ["-c", command], cwd: folder.path })
    .output();
  assertEquals(code, 0);
  const again = await spawnMain(["filter", "blur", "a.png", "c.png"], folder.path);
  assertEquals(again.code, 0);
  assertEquals(Deno.readFileSync(folder.file("b.png")), Deno.readFileSync(folder.file("c.png")));
});

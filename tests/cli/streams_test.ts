import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { writeNpy } from "../../src/io/arrays/npy.ts";
import { writePng } from "../../src/io/pictures/png.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TestFolder } from "../_folder.ts";
import { runShell, spawnMain } from "./_cli.ts";

const UNIX = { ignore: Deno.build.os === "windows" };

Deno.test(
  "A dash is standard input and output, and the figures go to standard error",
  UNIX,
  async () => {
    using folder = new TestFolder();
    const picture = { pixels: Tensor.uniform([4, 20, 30], { seed: 1 }), bitDepth: 8 } as const;
    await writePng(folder.file("a.png"), picture);
    await writeNpy(folder.file("x.npy"), Tensor.randn([2, 9], { seed: 1 }));
    const layer = "run conv1d --out-channels 3 --kernel-size 3";
    const cases = [
      ["tileconv filter blur - - < a.png > 1", "tileconv filter blur a.png 2"],
      ["cat a.png | tileconv filter blur - 1", "tileconv filter blur a.png 2"],
      ["tileconv filter blur a.png - > 1", "tileconv filter blur a.png 2"],
      [`tileconv ${layer} - --output - < x.npy > 1`, `tileconv ${layer} x.npy --output 2`],
      [`cat x.npy | tileconv ${layer} --input - --output 1`, `tileconv ${layer} x.npy --output 2`],
    ];
    for (const [streams = "", files = ""] of cases) {
      const [first, second] = [
        await runShell(streams, folder.path),
        await runShell(files, folder.path),
      ];
      assertEquals([first.code, second.code, second.err], [0, 0, ""], first.err);
      assertEquals(
        Deno.readFileSync(folder.file("1")),
        Deno.readFileSync(folder.file("2")),
        streams,
      );
      assertMatch(first.out + first.err, /^(output .*standard output|input .*standard input)$/m);
      assertEquals(first.out === "", streams.includes("> 1"));
    }
    assertEquals(folder.names(), ["1", "2", "a.png", "x.npy"]);
  },
);

Deno.test("Figures as JSON leave standard output to the array, too", UNIX, async () => {
  using folder = new TestFolder();
  await writeNpy(folder.file("x.npy"), Tensor.ones([1, 4]));
  const layer = "run conv1d x.npy --out-channels 1 --kernel-size 1";
  const { out, err } = await runShell(`tileconv ${layer} --output - --json`, folder.path);
  assertStringIncludes(out, "NUMPY");
  assertEquals(JSON.parse(err).output, "standard output");
});

Deno.test("Broken streams are one line and exit code 1", UNIX, async () => {
  using folder = new TestFolder();
  const pixels = Tensor.uniform([3, 50, 50], { seed: 1 });
  await writePng(folder.file("a.png"), { pixels, bitDepth: 8 });
  const cases = [
    ["tileconv filter blur - o.png < /dev/null", "Cannot read standard input: it is empty"],
    [
      "echo text | tileconv filter blur - o.png",
      "Cannot read standard input: it is not a PNG file",
    ],
    [
      "head -c 99 a.png | tileconv filter blur - o.png",
      "Cannot read standard input: it ends early",
    ],
    [
      "TMPDIR=./no tileconv filter blur - o.png < a.png",
      "Cannot put standard input aside in a file",
    ],
    ["tileconv filter blur - o.png < .", "Cannot read standard input: it is a folder"],
    [
      `{ tileconv filter blur a.png -; echo "code $?" >&2; } | true`,
      "Cannot write standard output: broken pipe",
    ],
  ];
  if (Deno.build.os === "linux") {
    cases.push(
      ["tileconv info > /dev/full", "Cannot write standard output: no space left on device"],
      ["tileconv filter blur a.png - > /dev/full", "standard output: no space left on device"],
      ["{ tileconv filter blur a.png /dev/fd/9; } 9> /dev/full", 'Cannot write "/dev/fd/9"'],
    );
  }
  for (const [line = "", message = ""] of cases) {
    const { code, err } = await runShell(line, folder.path);
    assert(code === 1 || err.endsWith("code 1\n"), `${line}: ${code}, ${err}`);
    assertMatch(err, /^error: [^\n]+\n(code 1\n)?$/);
    assertStringIncludes(err, message);
    assertEquals(folder.names(), ["a.png"]);
  }
});

Deno.test("That nobody reads the rest of what is printed is no failure", UNIX, async () => {
  using folder = new TestFolder();
  const line = `{ tileconv help run; echo "code $?" >&2; } | head -n 1`;
  assertEquals(await runShell(line, folder.path), {
    code: 0,
    out: "Run a layer over arrays, pictures or sounds from files.\n",
    err: "code 0\n",
  });
});

Deno.test("Ctrl-C and its like leave nothing of standard input behind", UNIX, async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    await interruptReading(signal, code);
  }
});

async function interruptReading(signal: Deno.Signal, code: number): Promise<void> {
  using folder = new TestFolder();
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", new URL("../../src/cli/main.ts", import.meta.url).href],
      ...["filter", "blur", "-", "b.png"],
    ],
    env: { TMPDIR: folder.path },
    cwd: folder.path,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new Uint8Array(1000));
  while (folder.names().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  process.kill(signal);
  assertEquals((await process.status).code, code);
  assertEquals(folder.names(), []);
  await writer.close().catch(() => {});
}

Deno.test("Ctrl-C leaves nothing of an output that is being written", UNIX, async () => {
  using folder = new TestFolder();
  const program = `
import { outputsOf } from ${
    JSON.stringify(new URL("../../src/cli/output_file.ts", import.meta.url))
  };
const [output] = await outputsOf(["a.npy"], "b.npy", { name: "a .npy file", extension: ".npy" });
await output.write((async function* () {
  while (true) {
    yield new Uint8Array(1);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
})());`;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    cwd: folder.path,
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (folder.names().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  process.kill("SIGINT");
  assertEquals((await process.status).code, 130);
  assertEquals(folder.names(), []);
});

const ROOT = new URL("../..", import.meta.url).pathname;
const MAY_KNOW = ["--allow-env=INIT_CWD"];

Deno.test("Paths are those of the folder that the task was started from", async () => {
  using folder = new TestFolder();
  await writePng(folder.file("a.png"), { pixels: Tensor.ones([1, 3, 3]), bitDepth: 8 });
  const line = ["filter", "blur", "a.png", "b.png"];
  const env = { INIT_CWD: folder.path };
  const { code, out, err } = await spawnMain(line, ROOT, MAY_KNOW, env);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^output +\S.*, b\.png$/m);
  assertEquals(folder.names(), ["a.png", "b.png"]);
  const missing = await spawnMain(["filter", "blur", "no.png", "c.png"], ROOT, MAY_KNOW, env);
  assertEquals(
    missing.err,
    'error: Cannot read "no.png": there is no such file or folder\n',
  );
});

Deno.test("Paths are those of the working folder without the task, or its permission", async () => {
  using folder = new TestFolder();
  using other = new TestFolder();
  await writePng(folder.file("a.png"), { pixels: Tensor.ones([1, 3, 3]), bitDepth: 8 });
  const env = { INIT_CWD: other.path };
  const elsewhere = await spawnMain(
    ["filter", "blur", "a.png", "b.png"],
    folder.path,
    MAY_KNOW,
    env,
  );
  assertEquals([elsewhere.code, elsewhere.err], [0, ""]);
  assertEquals(folder.names(), ["a.png", "b.png"]);
  const here = { INIT_CWD: folder.path };
  const unknown = await spawnMain(["filter", "blur", "a.png", "c.png"], ROOT, [], here);
  assertEquals([unknown.code, folder.names()], [1, ["a.png", "b.png"]]);
});

Deno.test("A task whose folder is gone fails instead of writing elsewhere", async () => {
  const env = { INIT_CWD: "/no/such/folder" };
  const { code, out, err } = await spawnMain(["info"], ROOT, MAY_KNOW, env);
  assertEquals([code, out], [1, ""]);
  const reason = "there is no such file or folder";
  assertEquals(err, `error: Cannot go to the folder "/no/such/folder" of INIT_CWD: ${reason}\n`);
});

Deno.test("An empty INIT_CWD names no folder", async () => {
  assertEquals((await spawnMain(["info"], ROOT, MAY_KNOW, { INIT_CWD: "" })).code, 0);
});
